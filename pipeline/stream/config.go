package stream

import (
	"errors"
	"fmt"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// DefaultTenant is the tenant where none is configured.
const DefaultTenant = "moj"

// Config says where signals and the record are kept, and how much of them.
type Config struct {
	// Tenant stands in the names of all streams; it matches [a-z0-9-]{1,40}.
	// Default moj.
	Tenant string `yaml:"tenant"`

	// Dir is the directory of the embedded server. Put it on a disk of its own,
	// ext4 or xfs, never on a network file system. One process uses it at a
	// time. No meaning with an external cluster.
	Dir string `yaml:"dir"`

	// Ephemeral takes a Dir in which everything may be lost: in memory, in a
	// container's own layer, on a network file system. It is no setting of a
	// file: whoever starts the program must say it each time.
	Ephemeral bool `yaml:"-"`

	// NATS says how an external cluster is reached. Without urls the server runs
	// in this process, on Dir.
	NATS NATS `yaml:"nats"`

	// Production refuses what can lose an acknowledged signal or let one part
	// do the work of another: less than three replicas or servers, a server
	// that does not sync before it answers, no TLS, no credentials. Default no.
	Production bool `yaml:"production"`

	// Replicas is how many servers keep each stream: 1 embedded, 3 in a
	// cluster. Default 1.
	Replicas int `yaml:"replicas"`

	// MaxBytes bounds each stream. A full stream takes nothing more and loses
	// nothing; senders hear that they must try again. The sum bounds the store,
	// and belongs below the size of the disk.
	MaxBytes Limits `yaml:"max_bytes"`

	// MinFree is the free space on the disk of Dir below which nothing more is
	// taken: a disk that is really full stops a stream until a restart. With an
	// external cluster it is what must stay free below the limit of the account.
	// Default 256MiB; 0 asks nothing.
	MinFree Bytes `yaml:"min_free"`

	// MaxSignal is the most raw bytes of one signal. Default 128MiB.
	MaxSignal Bytes `yaml:"max_signal"`

	// Timeout is how long one request to the store may take. A signal that is
	// not stored within two of them is refused. Default 5s.
	Timeout time.Duration `yaml:"timeout"`
}

// productionReplicas is how many servers keep each stream in production: one
// can be lost, and two still agree.
const productionReplicas = 3

// Limits bounds the streams of a tenant, in bytes on disk.
type Limits struct {
	// Signals holds raw bytes, about 1.4 times what was received. Default 8GiB.
	Signals Bytes `yaml:"signals"`
	// Ledger holds the record, about 1 KiB a signal. It can only grow: when it
	// is full, raise this. Default 8GiB.
	Ledger Bytes `yaml:"ledger"`
	// Deliveries holds attempts to tell people. Default 1GiB.
	Deliveries Bytes `yaml:"deliveries"`
	// Positions holds how far each way in was read. Default 64MiB.
	Positions Bytes `yaml:"positions"`
	// Evidence holds raw bytes of signals over half a megabyte. Default 8GiB.
	Evidence Bytes `yaml:"evidence"`
}

// sum is the most bytes that all streams together may take.
func (l Limits) sum() Bytes {
	return l.Signals + l.Ledger + l.Deliveries + l.Positions + l.Evidence
}

// Default returns the configuration for one process and its own directory. Dir
// is empty: it has no safe default here.
func Default() Config {
	return Config{
		Tenant:   DefaultTenant,
		Replicas: 1,
		MaxBytes: Limits{
			Signals:    8 * GiB,
			Ledger:     8 * GiB,
			Deliveries: 1 * GiB,
			Positions:  64 * MiB,
			Evidence:   8 * GiB,
		},
		MinFree:   256 * MiB,
		MaxSignal: 128 * MiB,
		Timeout:   5 * time.Second,
	}
}

// Validate returns everything that is wrong with c, each with its field.
func (c Config) Validate() error {
	var all []error
	bad := func(format string, a ...any) { all = append(all, fmt.Errorf(format, a...)) }
	if !incident.SourceName(c.Tenant).Valid() {
		bad("tenant: must match [a-z0-9-]{1,40}, is %q", c.Tenant)
	}
	switch c.Replicas {
	case 1, 3, 5:
	default:
		bad("replicas: must be 1, 3 or 5, is %d", c.Replicas)
	}
	// A stream must hold at least a few of its largest messages.
	for _, l := range []struct {
		field string
		got   Bytes
		least Bytes
	}{
		{"max_bytes.signals", c.MaxBytes.Signals, 4 * MiB},
		{"max_bytes.ledger", c.MaxBytes.Ledger, 4 * MiB},
		{"max_bytes.deliveries", c.MaxBytes.Deliveries, 1 * MiB},
		{"max_bytes.positions", c.MaxBytes.Positions, 1 * MiB},
		{"max_bytes.evidence", c.MaxBytes.Evidence, 4 * MiB},
		{"max_signal", c.MaxSignal, 1 * MiB},
	} {
		if l.got < l.least {
			bad("%s: must be at least %s, is %s", l.field, l.least, l.got)
		}
	}
	all = append(all, conf.Under("nats", c.NATS.validate(c.Production)))
	if c.Production && !c.NATS.External() {
		bad("production: needs an external cluster; name its servers under nats.urls")
	}
	if c.Production && c.Replicas < productionReplicas {
		bad("replicas: must be at least %d in production, is %d", productionReplicas, c.Replicas)
	}
	if c.MinFree < 0 {
		bad("min_free: must not be negative, is %s", c.MinFree)
	}
	if c.Timeout < 100*time.Millisecond || c.Timeout > time.Minute {
		bad("timeout: must lie between 100ms and 1m, is %s", c.Timeout)
	}
	return errors.Join(all...)
}
