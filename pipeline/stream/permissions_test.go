package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// services are the users that processes run as; operator is a person.
var services = []string{"ingest", "process", "alert"}

// shipped are three servers with the users of deploy/nats, and its streams.
type shipped struct {
	cluster *natstest.Cluster
	dir     string
}

// shippedUsers makes keys as an operator does, starts three servers, and
// creates the streams as the operator's user.
func shippedUsers(t *testing.T) *shipped {
	t.Helper()
	s := &shipped{dir: t.TempDir()}
	s.make(t)
	// A server takes every path of an include from its own directory.
	up := strings.Repeat("../", 32)
	s.cluster = natstest.Start(t, natstest.Options{Conf: fmt.Sprintf("include %q", up+filepath.Join(s.dir, "users.conf"))})
	for _, want := range []string{"created", "nothing"} {
		host, nc := s.host(t, "operator")
		made, err := stream.Create(t.Context(), nc, s.config("operator"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range made {
			if m.Did != want {
				t.Errorf("Create did %q to %s, want %q", m.Did, m.Stream, want)
			}
		}
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	}
	return s
}

// make copies deploy/nats and makes the keys that are missing.
func (s *shipped) make(t *testing.T) {
	t.Helper()
	for _, name := range []string{"nats.conf", "users.conf", "secrets.sh"} {
		b, err := os.ReadFile(filepath.Join("../../deploy/nats", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "bash", filepath.Join(s.dir, "secrets.sh")).CombinedOutput(); err != nil {
		t.Fatalf("secrets.sh: %v\n%s", err, out)
	}
}

// config is the configuration of production for one user.
func (s *shipped) config(user string) stream.Config {
	cfg := small("")
	cfg.Replicas, cfg.Production, cfg.Timeout = 3, true, 5*time.Second
	cfg.NATS.URLs = strings.Split(s.cluster.URLs(), ",")
	cfg.NATS.NKeyFile = filepath.Join(s.dir, "secrets", user+".nk")
	cfg.NATS.InboxPrefix = "_INBOX_" + user
	for _, server := range s.cluster.Servers() {
		cfg.NATS.Monitor = append(cfg.NATS.Monitor, server.MonitorURL())
	}
	return cfg
}

func (s *shipped) host(t *testing.T, user string) (stream.Host, *nats.Conn) {
	t.Helper()
	host, err := stream.Begin(t.Context(), s.config(user), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatalf("begin as %s: %v", user, err)
	}
	t.Cleanup(func() { _ = host.Close() })
	nc, err := host.Connect("test " + user)
	if err != nil {
		t.Fatalf("connect as %s: %v", user, err)
	}
	return host, nc
}

func (s *shipped) open(t *testing.T, user string) (*stream.Store, *nats.Conn) {
	t.Helper()
	host, nc := s.host(t, user)
	st, err := stream.Open(t.Context(), nc, s.config(user), stream.Hooks{Room: host.Room}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatalf("open as %s: %v", user, err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st, nc
}

func TestShippedUsersDoTheirWorkAndNoOther(t *testing.T) {
	s := shippedUsers(t)
	stores, conns := map[string]*stream.Store{}, map[string]*nats.Conn{}
	for _, user := range services {
		stores[user], conns[user] = s.open(t, user)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	work(ctx, t, stores)
	for _, user := range services {
		for _, op := range forbidden(user) {
			t.Run(user+" "+op.name, func(t *testing.T) { op.refused(t, conns[user]) })
		}
	}
	t.Run("operator", func(t *testing.T) {
		_, nc := s.host(t, "operator")
		for _, op := range []request{
			{"purges LEDGER", "$JS.API.STREAM.PURGE.LEDGER_moj", ""},
			{"restores LEDGER", "$JS.API.STREAM.RESTORE.LEDGER_moj", "{}"},
			{"deletes a message of LEDGER", "$JS.API.STREAM.MSG.DELETE.LEDGER_moj", `{"seq":1}`},
			{"deletes SIGNALS", "$JS.API.STREAM.DELETE.SIGNALS_moj", ""},
		} {
			t.Run(op.name, func(t *testing.T) { op.refused(t, nc) })
		}
	})
	t.Run("operator copies all", func(t *testing.T) { s.copies(ctx, t) })
	// What was refused changed nothing, and the writer of the record goes on.
	first, last, deleted, err := stores["process"].Ledger().State(ctx)
	if err != nil || first != 1 || last != 2 || deleted != 0 {
		t.Errorf("LEDGER after all that was refused holds %d to %d, %d deleted, %v, want 1 to 2 and none", first, last, deleted, err)
	}
	for _, user := range []string{"ingest", "alert"} {
		t.Run(user+" by answers and pushes", func(t *testing.T) { detours(ctx, t, stores, conns[user], user) })
	}
	if _, last, _, err := stores["process"].Ledger().State(ctx); err != nil || last != 102 {
		t.Errorf("LEDGER ends at %d, %v, want 102", last, err)
	}
}

// work does what the parts of the program do with the store, as their users.
func work(ctx context.Context, t *testing.T, stores map[string]*stream.Store) {
	t.Helper()
	ingest, process, alert := stores["ingest"], stores["process"], stores["alert"]

	mustPut(t, ingest, webhookSignal("small"))
	large := webhookSignal(string(bytes.Repeat([]byte("evidence "), 100<<10)))
	mustPut(t, ingest, large)
	// The same bytes from another source are another signal: a second object.
	large.Source = "scanner"
	mustPut(t, ingest, large)

	r := process.Signals(incident.Pos{})
	defer r.Close()
	got := read(t, r, 3)
	if !bytes.Equal(got[1].Raw, large.Raw) {
		t.Errorf("process read %d bytes of evidence, want %d", len(got[1].Raw), len(large.Raw))
	}
	log := process.Ledger()
	mustAppend(t, log, 0, "one", "two")
	if _, err := process.Signals(incident.Pos{}).Last(ctx); err != nil {
		t.Errorf("process: Last: %v", err)
	}

	for user, st := range stores {
		if got := bodies(t, st.Ledger(), 1); len(got) != 2 {
			t.Errorf("%s: Messages gave %d, want 2", user, len(got))
		}
		if _, _, _, err := st.Ledger().State(ctx); err != nil {
			t.Errorf("%s: State: %v", user, err)
		}
		n := 0
		if err := st.Ledger().Tail(ctx, 1, func(uint64, []byte) error {
			if n++; n == 2 {
				return errEnough
			}
			return nil
		}); !errors.Is(err, errEnough) {
			t.Errorf("%s: Tail: %v", user, err)
		}
		states, err := st.States(ctx)
		if err != nil || len(states) != 6 {
			t.Errorf("%s: States = %d, %v, want 6", user, len(states), err)
		}
		for _, c := range states {
			if c.Err != nil {
				t.Errorf("%s: state of %s on %s: %v", user, c.Stream, c.Replica, c.Err)
			}
		}
		if v, err := st.Load(ctx, "pepper"); err != nil || v != nil {
			t.Errorf("%s: Load(pepper) = %q, %v, want nothing", user, v, err)
		}
		if got := st.Account(ctx); got != "" {
			t.Errorf("%s: Account = %q, want none: its own keeps no streams", user, got)
		}
	}

	replicas, err := process.Replicas(ctx)
	if err != nil || len(replicas) != 3 {
		t.Errorf("process: Replicas = %q, %v, want 3", replicas, err)
	}
	for _, replica := range replicas {
		n := 0
		if err := process.LedgerOf(replica).Messages(ctx, 1, func(uint64, []byte) error { n++; return nil }); err != nil || n != 2 {
			t.Errorf("process: record on %s gave %d, %v, want 2", replica, n, err)
		}
		v := process.Vault(replica)
		for _, want := range got {
			if st, err := v.Signal(ctx, want.Pos); err != nil || !bytes.Equal(st.Raw, want.Raw) {
				t.Errorf("process: signal %s on %s: %v", want.Pos, replica, err)
			}
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}

	if _, err := alert.AppendDelivery(ctx, []byte("told")); err != nil {
		t.Errorf("alert: AppendDelivery: %v", err)
	}
	n := 0
	if err := alert.Deliveries(ctx, 0, func(uint64, []byte) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("alert: Deliveries gave %d, %v, want 1", n, err)
	}

	for _, key := range []string{"imap.reports", "mark.reports"} {
		for _, value := range []string{"1", "2"} {
			if err := ingest.Save(ctx, key, []byte(value)); err != nil {
				t.Errorf("ingest: Save(%s): %v", key, err)
			}
		}
		if v, err := process.Load(ctx, key); err != nil || string(v) != "2" {
			t.Errorf("process: Load(%s) = %q, %v, want 2", key, v, err)
		}
	}
	for user, name := range map[string]string{"process": "processor", "alert": "alert", "ingest": "mailbox.reports"} {
		held := false
		if err := stores[user].Lease(name, user).Hold(ctx, func(context.Context) error { held = true; return nil }); err != nil || !held {
			t.Errorf("%s: Hold(%s) = %v, held %v", user, name, err, held)
		}
	}
}

var errEnough = errors.New("enough")

// A request is one that a user must not be able to make.
type request struct{ name, subject, body string }

// forbidden lists what a service must not do.
func forbidden(user string) []request {
	var all []request
	for _, name := range []string{"SIGNALS_moj", "LEDGER_moj", "DELIVERIES_moj", "KV_INGEST_moj", "KV_LEASES_moj", "OBJ_EVIDENCE_moj"} {
		all = append(all,
			request{"deletes " + name, "$JS.API.STREAM.DELETE." + name, ""},
			request{"purges " + name, "$JS.API.STREAM.PURGE." + name, ""},
			request{"updates " + name, "$JS.API.STREAM.UPDATE." + name, `{"name":"` + name + `","max_age":1000000000}`},
			request{"restores " + name, "$JS.API.STREAM.RESTORE." + name, "{}"},
			request{"copies " + name + " by snapshot", "$JS.API.STREAM.SNAPSHOT." + name, `{"deliver_subject":"x"}`},
			request{"deletes a message of " + name, "$JS.API.STREAM.MSG.DELETE." + name, `{"seq":1}`},
			request{"removes a server of " + name, "$JS.API.STREAM.PEER.REMOVE." + name, `{"peer":"nats-0"}`},
		)
	}
	all = append(all,
		request{"creates a stream", "$JS.API.STREAM.CREATE.OTHER", `{"name":"OTHER","subjects":["other"]}`},
		request{"creates a stream that takes from LEDGER", "$JS.API.STREAM.CREATE.COPY", `{"name":"COPY","sources":[{"name":"LEDGER_moj"}]}`},
		request{"deletes the account", "$JS.API.ACCOUNT.PURGE.RECORD", ""},
		request{"writes the check of the pepper", "$KV.INGEST_moj.pepper", "x"},
	)
	if user == "alert" {
		all = append(all,
			request{"reads a signal", "$JS.API.STREAM.MSG.GET.SIGNALS_moj", `{"seq":1}`},
			request{"reads evidence", "$JS.API.STREAM.MSG.GET.OBJ_EVIDENCE_moj", `{"seq":1}`},
			request{"reads on in the signals", "$JS.API.CONSUMER.MSG.NEXT.SIGNALS_moj.x", "1"},
		)
	}
	for subject, owner := range map[string]string{
		"signal.moj.frame": "ingest", "ledger.moj": "process", "deliveries.moj": "alert",
		"$O.EVIDENCE_moj.C.x": "ingest", "$KV.INGEST_moj.imap=2Ereports": "ingest",
		"$KV.LEASES_moj.processor": "process", "$KV.LEASES_moj.alert": "alert", "$KV.LEASES_moj.mailbox=2Ereports": "ingest",
	} {
		if user != owner {
			all = append(all, request{"writes " + subject, subject, "x"})
		}
	}
	return all
}

// refused makes the request and sees it refused by the server, at once: it is
// not permitted, or what is asked is nothing in the user's account.
func (q request) refused(t *testing.T, nc *nats.Conn) {
	t.Helper()
	denied := make(chan error, 8)
	was := nc.Opts.AsyncErrorCB
	nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err })
	defer nc.SetErrorHandler(was)
	answer := make(chan *nats.Msg, 1)
	sub, err := nc.ChanSubscribe(nc.NewInbox(), answer)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()
	if err := nc.PublishRequest(q.subject, sub.Subject, []byte(q.body)); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case err := <-denied:
			if errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), q.subject) {
				return
			}
		case m := <-answer:
			if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
				return
			}
			t.Fatalf("%s was answered: %s", q.subject, m.Data)
		case <-time.After(10 * time.Second):
			t.Fatalf("%s was neither refused nor answered", q.subject)
		}
	}
}

// copies reads everything as the operator, as a backup does.
func (s *shipped) copies(ctx context.Context, t *testing.T) {
	t.Helper()
	st, _ := s.open(t, "operator")
	for _, part := range []stream.Part{stream.PartPositions, stream.PartDeliveries, stream.PartLedger, stream.PartSignals, stream.PartEvidence} {
		n := 0
		if _, err := st.Dump(ctx, part, func(stream.Raw) error { n++; return nil }); err != nil || n == 0 {
			t.Errorf("Dump(%s) gave %d, %v", part, n, err)
		}
	}
}

// detours tries to write the record, and to remove streams, by ways that no
// permission is asked for: a request names where its answer goes, and a consumer
// where it pushes. In one account with the record these come through, tens of
// thousands of them.
func detours(ctx context.Context, t *testing.T, stores map[string]*stream.Store, nc *nats.Conn, user string) {
	t.Helper()
	targets := []string{"ledger.moj", "$JS.API.STREAM.DELETE.LEDGER_moj", "$JS.API.STREAM.PURGE.SIGNALS_moj", "$JS.API.STREAM.DELETE.SIGNALS_moj"}
	asks := []request{
		{"info", "$JS.API.INFO", ""},
		{"get", "$JS.API.STREAM.MSG.GET.LEDGER_moj", `{"seq":1}`},
	}
	reads := []string{"LEDGER_moj", "SIGNALS_moj"}
	if user == "ingest" {
		targets = append(targets, "deliveries.moj")
		asks = append(asks, request{"position", "$KV.INGEST_moj.forged", `{"v":1,"n":3}`})
	} else {
		asks = append(asks, request{"delivery", "deliveries.moj", `{"v":1,"n":3}`})
		reads = append(reads, "DELIVERIES_moj")
	}
	create := func(from, name, to string, bodies bool) {
		t.Helper()
		body := fmt.Sprintf(`{"stream_name":%q,"config":{"name":%q,"deliver_subject":%q,"deliver_policy":"all","ack_policy":"none","mem_storage":true,"headers_only":%v}}`,
			from, name, to, !bodies)
		if _, err := nc.RequestWithContext(ctx, "$JS.API.CONSUMER.CREATE."+from+"."+name, []byte(body)); err != nil {
			t.Errorf("a consumer of %s was not answered: %v", from, err)
		}
	}
	for i, to := range targets {
		for _, a := range asks {
			if err := nc.PublishRequest(a.subject, to, []byte(a.body)); err != nil {
				t.Fatal(err)
			}
		}
		for _, from := range reads {
			create(from, fmt.Sprintf("%s-%d-bodies", user, i), to, true)
			create(from, fmt.Sprintf("%s-%d-headers", user, i), to, false)
		}
		pull := user + "-pull-" + strconv.Itoa(i)
		body := fmt.Sprintf(`{"stream_name":"LEDGER_moj","config":{"name":%q,"deliver_policy":"all","ack_policy":"none","mem_storage":true}}`, pull)
		if _, err := nc.RequestWithContext(ctx, "$JS.API.CONSUMER.CREATE.LEDGER_moj."+pull, []byte(body)); err != nil {
			t.Fatal(err)
		}
		if err := nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.LEDGER_moj."+pull, to, []byte(`{"batch":2,"no_wait":true}`)); err != nil {
			t.Fatal(err)
		}
	}
	own := nc.NewInbox()
	leaked := make(chan *nats.Msg, 64)
	sub, err := nc.ChanSubscribe(own, leaked)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()
	create("SIGNALS_moj", user+"-own", own, true)
	// Each step is fenced by the one before: anything in between would end this.
	log := stores["process"].Ledger()
	_, last, _, err := log.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		mustAppend(t, log, last, "a step")
		last++
	}
	if len(leaked) > 0 {
		t.Errorf("%d signals were pushed to the user", len(leaked))
	}
	n := 0
	if err := stores["alert"].Deliveries(ctx, 0, func(_ uint64, body []byte) error {
		if string(body) != "told" && user == "ingest" {
			return fmt.Errorf("it holds %q", body)
		}
		n++
		return nil
	}); err != nil || n == 0 {
		t.Errorf("Deliveries gave %d, %v", n, err)
	}
	if pos, err := stores["process"].Signals(incident.Pos{}).Last(ctx); err != nil || pos.Seq == 0 {
		t.Errorf("last signal = %s, %v, want one", pos, err)
	}
}
