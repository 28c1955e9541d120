package stream_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

func TestAConnectionLeavesAServerThatHangs(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Proxied: true})
	cfg := stream.Default()
	cfg.NATS.URLs = c.Client("p").URLs()
	host, err := stream.Begin(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	nc, err := host.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name        string
		hang, again func(*natstest.Server)
	}{
		{"stopped", (*natstest.Server).Stop, (*natstest.Server).Cont},
		{"behind a silent link", func(s *natstest.Server) { c.Partition(s.Index()) }, func(s *natstest.Server) { c.HealServer(s.Index()) }},
	} {
		s := c.Named(nc.ConnectedServerName())
		tt.hang(s)
		eventually.Eventually(t, 8*time.Second, "a connection to another server than the one that is "+tt.name, func() bool {
			return nc.IsConnected() && nc.ConnectedServerName() != s.Name()
		})
		tt.again(s)
	}
}
