package stream_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

func TestServerThatWasStartedAgainWithOtherSettingsIsFound(t *testing.T) {
	good := natstest.Start(t, natstest.Options{Servers: 1})
	late := natstest.Start(t, natstest.Options{Servers: 1, JetStream: "sync_interval: 2m"})
	// The monitoring that promptness is given, and which server answers behind it.
	var to atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := url.Parse(to.Load().(string))
		if err != nil || u.Host == "" {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		httputil.NewSingleHostReverseProxy(u).ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	to.Store(good.Server(0).MonitorURL())
	cfg := on(good, 1)
	cfg.NATS.Monitor = []string{proxy.URL}
	c, err := stream.Join(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })

	to.Store(late.Server(0).MonitorURL())
	found := c.LookServers(t.Context(), nil)
	wantRefused(t, found, stream.RefusedSync)
	to.Store("")
	if err := c.LookServers(t.Context(), found); !errors.Is(err, found) {
		t.Errorf("a server that was bad and is silent now = %v, want %v still", err, found)
	}
	if err := c.LookServers(t.Context(), nil); err != nil {
		t.Errorf("a server that was good and is silent now = %v, want none", err)
	}
	to.Store(good.Server(0).MonitorURL())
	if err := c.LookServers(t.Context(), found); err != nil {
		t.Errorf("a server that was corrected = %v, want none", err)
	}
}

// TestShippedServerConfigurationIsSafe reads deploy/nats/nats.conf as a server
// does.
func TestShippedServerConfigurationIsSafe(t *testing.T) {
	s := &shipped{dir: t.TempDir()}
	s.make(t)
	certificates(t, s.dir)
	t.Setenv("NATS_NAME", "nats-1")
	o, err := natsserver.ProcessConfigFile(filepath.Join(s.dir, "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for what, ok := range map[string]bool{
		"it syncs before it answers":              o.SyncAlways,
		"it has a store of its own":               o.StoreDir == "/var/lib/nats",
		"its store holds what promptness may ask": o.JetStreamMaxStore >= 26<<30,
		"its memory is limited":                   o.JetStreamMaxMemory > 0,
		"clients speak TLS":                       o.TLSConfig != nil && !o.AllowNonTLS,
		"routes are let in by certificate":        o.Cluster.TLSConfig != nil && o.Cluster.TLSConfig.ClientAuth != 0,
		"it names three servers":                  len(o.Routes) == 3,
		"monitoring is on loopback":               o.HTTPHost == "127.0.0.1" && o.HTTPPort == 8222 && o.HTTPSPort == 0,
		"nobody is let in without a key":          o.NoAuthUser == "" && o.Username == "" && o.Authorization == "",
		"the system account is not the default":   o.SystemAccount == "SYS",
		"nobody is in the system account":         !slices.ContainsFunc(o.Nkeys, func(u *natsserver.NkeyUser) bool { return u.Account.Name == "SYS" }),
		"each role has one user":                  len(o.Nkeys) == 4 && len(o.Users) == 0,
		"it has a name from the environment":      o.ServerName == "nats-1",
		"a message of the record fits":            o.MaxPayload >= 516<<10,
	} {
		if !ok {
			t.Errorf("deploy/nats/nats.conf: not so: %s", what)
		}
	}
}

// certificates puts files in the place of those that nats.conf names, and points
// it there.
func certificates(t *testing.T, dir string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	defer srv.Close()
	leaf := srv.TLS.Certificates[0]
	writePEM(t, filepath.Join(dir, "tls", "server.crt"), "CERTIFICATE", leaf.Certificate[0])
	writePEM(t, filepath.Join(dir, "tls", "cluster-ca.crt"), "CERTIFICATE", leaf.Certificate[0])
	writePEM(t, filepath.Join(dir, "tls", "server.key"), "PRIVATE KEY", pkcs8(t, leaf.PrivateKey))
	path := filepath.Join(dir, "nats.conf")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte("/etc/nats/tls"), []byte(filepath.Join(dir, "tls")))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestSecretsAreMadeOnce(t *testing.T) {
	s := &shipped{dir: t.TempDir()}
	s.make(t)
	read := func() (all string) {
		for _, name := range []string{"ingest.nk", "process.nk", "alert.nk", "operator.nk", "keys.conf"} {
			path := filepath.Join(s.dir, "secrets", name)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			all += fmt.Sprintf("%s %v %s\n", name, st.Mode().Perm()&0o077, b)
		}
		return all
	}
	first := read()
	s.make(t)
	if again := read(); again != first {
		t.Errorf("secrets.sh changed what was there:\n%s\nwas\n%s", again, first)
	}
}

func FuzzReadVarz(f *testing.F) {
	f.Add([]byte(`{"server_id":"X","server_name":"n","version":"2.15.2","jetstream":{"config":{"max_storage":1,"store_dir":"/d","sync_always":true},"meta":{"name":"c","cluster_size":3}}}`))
	f.Add([]byte(`{"server_id":"X"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if name, err := stream.ReadVarz(bytes.NewReader(b)); err == nil && name == "" {
			t.Errorf("ReadVarz took %q, which names no server", b)
		}
	})
}
