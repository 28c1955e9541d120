package stream

import (
	"context"
	"io"
)

// LookServers is what a running cluster does each minute.
func (c *Cluster) LookServers(ctx context.Context, was error) error { return c.lookServers(ctx, was) }

// ReadVarz reads a monitoring page and returns the name of the server.
func ReadVarz(r io.Reader) (name string, err error) {
	v, err := readVarz(r)
	if err != nil {
		return "", err
	}
	return v.Name, nil
}
