package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// A wreck is a store that was served, with what can be done to it.
type wreck struct {
	t    *testing.T
	dir  string
	cfg  Config
	told map[incident.AlertID]bool // before anything was done
}

// served serves for a moment, with incidents that are overdue from the first
// moment on and so are told.
func served(t *testing.T) *wreck {
	t.Helper()
	dir := t.TempDir()
	hooks, admin := configure(t, dir, "")
	c := startChild(t, dir, hooks, admin)
	for i := range 12 {
		body := fmt.Sprintf(`{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"Malware%d","severity":"critical"},"startsAt":%q,"fingerprint":"%016x"}]}`,
			i, time.Now().Add(-90*time.Minute).UTC().Format(time.RFC3339), 1000+i)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, hooks+"/in/"+localSource, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token(t, dir, localSource))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusAccepted {
			t.Fatalf("signal %d: %s", i, res.Status)
		}
	}
	own := "promptness-data/secrets/" + ownNumber + ".token"
	eventually.Eventually(t, 20*time.Second, "every incident to be told", func() bool {
		stdout, _, err := prompt(t, dir, "--server", admin, "--token-file", own, "--json", "incidents")
		return err == nil && strings.Count(stdout, `"overdue"`) >= 12
	})
	c.stop()
	w := &wreck{t: t, dir: dir}
	w.load()
	w.told = map[incident.AlertID]bool{}
	for _, e := range w.entries() {
		for _, a := range e.Alerts {
			if a.State == incident.AlertActive {
				w.told[a.ID] = true
			}
		}
	}
	if len(w.told) == 0 {
		t.Fatal("nothing was told: the test shows nothing")
	}
	return w
}

func (w *wreck) load() {
	w.t.Helper()
	cfg, err := Load(filepath.Join(w.dir, "promptness.yml"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.cfg = inDir(cfg, w.dir)
}

// copied returns the same in another directory, under addresses of its own.
func (w *wreck) copied(t *testing.T) *wreck {
	t.Helper()
	c := &wreck{t: t, dir: t.TempDir(), told: w.told}
	if err := os.CopyFS(filepath.Join(c.dir, "promptness-data"), os.DirFS(filepath.Join(w.dir, "promptness-data"))); err != nil {
		t.Fatal(err)
	}
	if err := private(c.dir); err != nil {
		t.Fatal(err)
	}
	configure(t, c.dir, "")
	c.load()
	return c
}

// in runs f on the store, which nobody else uses.
func (w *wreck) in(f func(ctx context.Context, st *stream.Store, js jetstream.JetStream) error) {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	srv, err := stream.Start(w.t.Context(), w.cfg.Store, log)
	if err != nil {
		w.t.Fatal(err)
	}
	nc, err := srv.Connect("test")
	if err != nil {
		w.t.Fatal(err)
	}
	st, err := stream.Open(w.t.Context(), nc, w.cfg.Store, stream.Hooks{}, log)
	if err != nil {
		w.t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		w.t.Fatal(err)
	}
	err = errors.Join(f(w.t.Context(), st, js), st.Close())
	nc.Close()
	if err := errors.Join(err, srv.Close()); err != nil {
		w.t.Fatal(err)
	}
}

// entries returns the record as lines that decode, without a look at the chain.
func (w *wreck) entries() (all []incident.Entry) {
	w.t.Helper()
	w.in(func(ctx context.Context, st *stream.Store, _ jetstream.JetStream) error {
		return st.Ledger().Remains(ctx, 1, func(_ uint64, body []byte) error {
			for line := range bytes.SplitSeq(body, []byte{'\n'}) {
				e, err := ledger.Decode(line)
				if err != nil {
					return err
				}
				all = append(all, e)
			}
			return nil
		})
	})
	return all
}

// remade makes a stream anew of what change makes of its messages; one without
// a body is gone.
func (w *wreck) remade(name string, change func(all [][]byte) [][]byte) {
	w.t.Helper()
	w.in(func(ctx context.Context, _ *stream.Store, js jetstream.JetStream) error {
		st, err := js.Stream(ctx, name)
		if err != nil {
			return err
		}
		cfg := st.CachedInfo().Config
		var all [][]byte
		for seq := uint64(1); seq <= st.CachedInfo().State.LastSeq; seq++ {
			m, err := st.GetMsg(ctx, seq)
			if err != nil {
				return err
			}
			all = append(all, m.Data)
		}
		if err := js.DeleteStream(ctx, name); err != nil {
			return err
		}
		open := cfg
		open.DenyDelete = false
		if st, err = js.CreateStream(ctx, open); err != nil {
			return err
		}
		for _, body := range change(all) {
			ack, err := js.Publish(ctx, cfg.Subjects[0], body)
			if err != nil {
				return err
			}
			if body == nil {
				if err := st.DeleteMsg(ctx, ack.Sequence); err != nil {
					return err
				}
			}
		}
		_, err = js.UpdateStream(ctx, cfg)
		return err
	})
}

// marked writes a checkpoint.
func (w *wreck) marked(cp ledger.Checkpoint) {
	w.t.Helper()
	if err := os.Remove(w.cfg.CheckpointFile()); err != nil {
		w.t.Fatal(err)
	}
	f, err := ledger.OpenCheckpoint(w.cfg.CheckpointFile())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(f.Write(cp), f.Close()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wreck) checkpoint() ledger.Checkpoint {
	w.t.Helper()
	cp, err := ledger.ReadCheckpoint(w.cfg.CheckpointFile())
	if err != nil {
		w.t.Fatal(err)
	}
	return cp
}

// written adds an entry that no sound program would write.
func (w *wreck) written(change func(all []incident.Entry, e *incident.Entry)) {
	w.t.Helper()
	all := w.entries()
	w.in(func(ctx context.Context, st *stream.Store, _ jetstream.JetStream) error {
		wr, err := ledger.Open(ctx, ledger.Options{Log: st.Ledger(), Vault: vault{st}, Checkpoint: w.cfg.CheckpointFile()})
		if err != nil {
			return err
		}
		last := all[len(all)-1]
		e := incident.Entry{N: last.N + 1, At: last.At, Pos: last.Pos, Kind: incident.KindNote, Rules: last.Rules, Note: &incident.Note{Code: incident.NoteAnchor}}
		change(all, &e)
		return errors.Join(wr.Commit(ctx, []incident.Entry{e}), wr.Close())
	})
}

// refused starts the program and returns what it says when it does not start.
func (w *wreck) refused(args ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	cmd := command(ctx, w.dir, append([]string{"--config", "promptness.yml"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		w.t.Errorf("promptness %s = %v, want a refusal; it said\n%s", args, err, out)
	}
	return string(out)
}

var damages = map[incident.Refusal]func(w *wreck){
	incident.RefusedMissing: func(w *wreck) {
		if err := os.Remove(w.cfg.CheckpointFile()); err != nil {
			w.t.Fatal(err)
		}
	},
	incident.RefusedStale: func(w *wreck) {
		var first ledger.Checkpoint
		w.in(func(ctx context.Context, st *stream.Store, _ jetstream.JetStream) error {
			return st.Ledger().Remains(ctx, 1, func(seq uint64, body []byte) error {
				if seq == 1 {
					line := body[bytes.LastIndexByte(body, '\n')+1:]
					e, err := ledger.Decode(line)
					first = ledger.Checkpoint{N: e.N, Seq: 1, Hash: incident.HashOf(line)}
					return err
				}
				return nil
			})
		})
		w.marked(first)
	},
	incident.RefusedDiffers: func(w *wreck) {
		cp := w.checkpoint()
		cp.Hash[3]++
		w.marked(cp)
	},
	incident.RefusedAhead: func(w *wreck) {
		w.remade("LEDGER_moj", func(all [][]byte) [][]byte { return all[:len(all)/2] })
	},
	incident.RefusedRecord: func(w *wreck) {
		w.remade("LEDGER_moj", func(all [][]byte) [][]byte {
			bad := all[len(all)/2]
			bad[len(bad)-3] ^= 1
			return all
		})
	},
	incident.RefusedDeleted: func(w *wreck) {
		w.remade("LEDGER_moj", func(all [][]byte) [][]byte { all[len(all)/2] = nil; return all })
	},
	incident.RefusedFirst: func(w *wreck) {
		w.remade("LEDGER_moj", func(all [][]byte) [][]byte { all[0] = nil; return all })
	},
	incident.RefusedVault: func(w *wreck) {
		w.remade("SIGNALS_moj", func(all [][]byte) [][]byte { return all[:len(all)-3] })
	},
	incident.RefusedSignal: func(w *wreck) {
		w.remade("SIGNALS_moj", func(all [][]byte) [][]byte { all[len(all)-1] = all[0]; return all })
	},
	incident.RefusedUnread: func(w *wreck) {
		w.remade("SIGNALS_moj", func(all [][]byte) [][]byte { all[len(all)-1] = nil; all[3] = []byte("{}"); return all })
	},
	incident.RefusedTwice: func(w *wreck) {
		w.written(func(_ []incident.Entry, e *incident.Entry) {
			for id := range w.told {
				e.Alerts = []incident.AlertChange{{ID: id, State: incident.AlertActive}}
			}
		})
	},
	incident.RefusedReference: func(w *wreck) {
		w.written(func(all []incident.Entry, e *incident.Entry) { e.Rules = all[len(all)-1].N })
	},
}

// For every refusal: a real store is damaged, the program refuses it by name
// and names the command, the command is run as it was printed, and everything
// that is still there goes on.
func TestEveryRefusalIsRepairedAsItsMessageSays(t *testing.T) {
	t.Parallel() // it mostly waits
	whole := served(t)
	for _, name := range incident.Refusals() {
		t.Run(string(name), func(t *testing.T) {
			w := whole.copied(t)
			damages[name](w)
			start := []string{"serve"}
			if name == incident.RefusedTwice || name == incident.RefusedReference {
				start = []string{"verify"} // start does not look at what is said twice
			}
			said := w.refused(start...)
			if !strings.Contains(said, "check ledger: "+string(name)) || !strings.Contains(said, "promptness repair --accept "+string(name)) {
				t.Fatalf("it says\n%s\nwant the refusal %s and its repair", said, name)
			}
			command := w.command()
			stdout, stderr, err := prompt(t, w.dir, command...)
			if err != nil {
				t.Fatalf("%v = %v\n%s%s", command, err, stdout, stderr)
			}
			w.sound(name)
		})
	}
}

// command returns the command that repair prints, and sees that it changed
// nothing.
func (w *wreck) command() []string {
	w.t.Helper()
	before, _ := os.ReadFile(w.cfg.CheckpointFile())
	stdout, stderr, err := prompt(w.t, w.dir, "repair")
	if err == nil {
		w.t.Fatalf("repair finds nothing:\n%s%s", stdout, stderr)
	}
	after, _ := os.ReadFile(w.cfg.CheckpointFile())
	if !bytes.Equal(before, after) {
		w.t.Error("repair without --accept changed the checkpoint")
	}
	for line := range strings.Lines(stdout) {
		if c, ok := strings.CutPrefix(strings.TrimSpace(line), "promptness "); ok {
			return strings.Fields(strings.ReplaceAll(c, "NUMBER", "4711"))
		}
	}
	w.t.Fatalf("repair prints no command:\n%s%s", stdout, stderr)
	return nil
}

// sound sees that the record verifies, says what was accepted, that a second
// repair finds nothing, that the program starts, folds everything that is in
// SIGNALS, and tells no alert a second time.
func (w *wreck) sound(name incident.Refusal) {
	t := w.t
	t.Helper()
	mustPrompt(t, w.dir, "verify")
	if out := mustPrompt(t, w.dir, "repair"); !strings.Contains(out, "nothing to repair") {
		t.Errorf("a second repair says\n%s", out)
	}
	c := startChild(t, w.dir, "http://"+w.cfg.Listen.Webhooks, "http://"+w.cfg.Listen.Admin)
	eventually.Eventually(t, 30*time.Second, "everything that was stored to be folded", func() bool {
		res, err := http.Get(c.admin + "/readyz") //nolint:noctx // the helper bounds it
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	c.stop()
	mustPrompt(t, w.dir, "verify")

	noted := false
	told, folded := map[incident.AlertID]int{}, map[incident.Digest]bool{}
	for _, e := range w.entries() {
		noted = noted || e.Note != nil && e.Note.Code == incident.NoteAcceptedLoss && e.Note.Refusal == name && e.Note.Author == "4711"
		for _, a := range e.Alerts {
			if a.State == incident.AlertActive {
				told[a.ID]++
			}
		}
		if e.Signal != nil {
			folded[e.Signal.Commit] = true
		}
	}
	if !noted {
		t.Errorf("no note of %s by 4711 is in the record", name)
	}
	for id, n := range told {
		if n > 1 && name != incident.RefusedTwice {
			t.Errorf("alert %s is told %d times", id, n)
		}
	}
	losesEntries := name.LosesEntries()
	for id := range w.told { // what was told and is cut off is told under no such id again
		if losesEntries && told[id] == 0 {
			continue
		}
		if told[id] == 0 {
			t.Errorf("alert %s was told and is not in the record any more", id)
		}
	}
	w.in(func(ctx context.Context, st *stream.Store, _ jetstream.JetStream) error {
		end, err := st.End(ctx)
		if err != nil {
			return err
		}
		count := 0
		for seq := uint64(1); seq <= end; seq++ {
			for i := 0; ; i++ {
				s, err := st.Signal(ctx, incident.Pos{Seq: seq, Index: i})
				if err != nil {
					break
				}
				count++
				if !folded[s.Commit] && !slices.Contains([]incident.Refusal{incident.RefusedSignal}, name) {
					t.Errorf("signal %s is in SIGNALS and was never folded", s.Pos)
				}
			}
		}
		if count == 0 {
			t.Error("no signals are left: the test shows nothing")
		}
		return nil
	})
}
