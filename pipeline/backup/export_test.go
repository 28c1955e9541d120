package backup

import (
	"context"
	"io"
)

// A Step is told of each change of the file system, before it is made and
// after; its error ends the work there, as a crash would.
type Step func(op, path string, done bool) error

// ReceiveStepwise is Receive whose changes go through step.
func ReceiveStepwise(ctx context.Context, r io.Reader, o Options, step Step) (Manifest, error) {
	return receive(ctx, r, o, files{step: step})
}

// InstallStepwise is Install whose changes go through step.
func InstallStepwise(ctx context.Context, id string, p Place, step Step) error {
	return install(ctx, id, p, files{step: step})
}

// BuildingName is the directory in which a store is built.
const BuildingName = buildingName

// ParseManifest reads the text of a manifest.
func ParseManifest(b []byte) (Manifest, error) { return parseManifest(b) }

// Text writes it.
func (m Manifest) Text() ([]byte, error) { return m.text() }
