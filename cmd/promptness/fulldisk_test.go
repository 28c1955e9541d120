package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/smalldisk"
)

// TestADiskThatIsReallyFullLosesAndDoublesNothing fills the disk of a running
// program, guard off: the server beneath then answers nothing, and takes nothing
// more when there is room again. The program must refuse with 503, restart that
// server by itself, and go on with the same signals and the same step of the
// record: neither is given up, and neither stands twice.
func TestADiskThatIsReallyFullLosesAndDoublesNothing(t *testing.T) {
	smalldisk.Run(t, 48<<20, func(t *testing.T, d *smalldisk.Disk) {
		told := &toldIDs{n: map[string]int{}}
		am := httptest.NewServer(told)
		t.Cleanup(am.Close)
		l := newFillLoad(t, d, fmt.Sprintf("store: {min_free: 0, timeout: 1s}\nalerting:\n  alertmanager:\n    peers: [{name: am-0, url: %s}]\n", am.URL))
		// Their deadlines pass when the disk is full: more than one page of the record.
		const due = 12
		for i := range due {
			l.deliver(fmt.Sprintf("due %d", i), time.Hour-5*time.Second)
		}
		d.Fill(512 << 10) // the load takes the rest
		eventually.Eventually(t, 60*time.Second, "a sender to be refused", func() bool { return l.refused.Load() > 0 })
		d.Fill(0) // not even a step of the record fits now
		eventually.Eventually(t, 30*time.Second, "readiness to say that the store is not well", func() bool { return l.ready() == http.StatusServiceUnavailable })
		eventually.Eventually(t, 30*time.Second, "the server to be restarted on the full disk", func() bool {
			return strings.Contains(l.c.said(), "restarting its server")
		})
		eventually.Eventually(t, 30*time.Second, "a step of the record to meet the full disk", func() bool {
			return strings.Contains(l.c.said(), "Filestore [LEDGER_moj] Critical write error")
		})
		before := l.taken()
		d.Empty()
		eventually.Eventually(t, 60*time.Second, "senders to be heard again, and readiness", func() bool {
			return l.taken() > before+50 && l.ready() == http.StatusOK
		})
		eventually.Eventually(t, 30*time.Second, "each deadline to be told", func() bool { return told.deadlines() >= due && accepted(l.c) })
		l.wantEachOnce(d)
		if n := told.deadlines(); n != due {
			t.Errorf("%d deadlines were told under ids of their own, want %d", n, due)
		}
	})
}

// TestAtTheGuardNothingIsTakenAndNothingNeedsARestart lets a load come to
// store.min_free: then signals are refused while the store still takes what is
// small, and are taken again as soon as there is room.
func TestAtTheGuardNothingIsTakenAndNothingNeedsARestart(t *testing.T) {
	smalldisk.Run(t, 48<<20, func(t *testing.T, d *smalldisk.Disk) {
		const guard = 16 << 20
		l := newFillLoad(t, d, "store: {min_free: 16MiB, timeout: 1s}\n")
		d.Fill(guard + 1<<20)
		eventually.Eventually(t, 60*time.Second, "a sender to be refused", func() bool { return l.refused.Load() > 20 })
		if free := d.Free(); free > guard || free < guard-4<<20 {
			t.Errorf("refused with %d bytes free, want a little below %d", free, guard)
		}
		before := l.taken()
		d.Empty()
		eventually.Eventually(t, 20*time.Second, "senders to be heard again", func() bool { return l.taken() > before+50 && l.ready() == http.StatusOK })
		if sync := metric(l.c, "promptness_store_sync_seconds"); sync == "" || sync == "0" {
			t.Errorf("promptness_store_sync_seconds is %q, want what was measured", sync)
		}
		if strings.Contains(l.c.said(), "restarting its server") || strings.Contains(l.c.said(), "no space left") {
			t.Errorf("the guard came too late; promptness said:\n%s", l.c.tail())
		}
		l.wantEachOnce(d)
	})
}

// A fillLoad is promptness on a small disk and senders that try each signal
// until it is taken.
type fillLoad struct {
	t       *testing.T
	c       *child
	secret  string
	acked   ackedIDs
	refused atomic.Int64
	other   sync.Map // what was neither taken nor refused properly
	stop    context.CancelFunc
	senders sync.WaitGroup
}

func newFillLoad(t *testing.T, d *smalldisk.Disk, store string) *fillLoad {
	t.Helper()
	hooks, admin := configure(t, d.Dir, store)
	l := &fillLoad{t: t, c: startChild(t, d.Dir, hooks, admin), acked: ackedIDs{ids: map[string]int{}}}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	l.secret = token(t, d.Dir, localSource)
	for s := range 4 {
		l.senders.Go(func() {
			for k := 0; ctx.Err() == nil; k++ {
				l.deliver(fmt.Sprintf("sender %d signal %d", s, k), time.Minute)
			}
		})
	}
	t.Cleanup(func() {
		stop()
		l.senders.Wait()
	})
	eventually.Eventually(t, 30*time.Second, "a load", func() bool { return l.taken() > 50 })
	return l
}

// deliver sends the same bytes until they are taken, as every sender must.
func (l *fillLoad) deliver(story string, started time.Duration) {
	pad := `{"pad":"` + strings.Repeat("x", 4<<10) + `",`
	body := append([]byte(pad), bytes.TrimPrefix(demoAlert(demoSignal{story: story, started: started}, time.Now(), nil), []byte("{"))...)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.c.hooks+"/in/local", bytes.NewReader(body))
		if err != nil {
			l.t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+l.secret)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			l.other.Store(err.Error(), true)
			return
		}
		answer, err := io.ReadAll(res.Body)
		res.Body.Close()
		switch {
		case err != nil:
			l.other.Store(err.Error(), true)
			return
		case res.StatusCode == http.StatusAccepted:
			var a struct{ ID string }
			if err := json.Unmarshal(answer, &a); err != nil || a.ID == "" {
				l.other.Store(string(answer), true)
			}
			l.acked.add(a.ID)
			return
		case res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "":
			l.other.Store(fmt.Sprintf("%s, Retry-After %q: %s", res.Status, res.Header.Get("Retry-After"), answer), true)
			return
		}
		l.refused.Add(1)
		again := time.NewTimer(50 * time.Millisecond) // sooner than it was asked to
		<-again.C
	}
}

func (l *fillLoad) taken() int { return l.acked.count() }

// ready returns the status of readiness.
func (l *fillLoad) ready() int {
	res, err := http.Get(l.c.admin + "/readyz")
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// wantEachOnce ends the load and the program, and holds the record against what
// the senders were told.
func (l *fillLoad) wantEachOnce(d *smalldisk.Disk) {
	l.t.Helper()
	l.stop()
	l.senders.Wait()
	l.other.Range(func(what, _ any) bool {
		l.t.Errorf("a sender was answered %q, want 202, or 503 with Retry-After", what)
		return true
	})
	cfg, err := Load(filepath.Join(d.Dir, "promptness.yml"))
	if err != nil {
		l.t.Fatal(err)
	}
	cfg = inDir(cfg, d.Dir)
	l.c.stop()
	// Once more, so that all that is stored is folded.
	startChild(l.t, d.Dir, l.c.hooks, l.c.admin).stop()

	pepper, err := readPepper(cfg.PepperFile)
	if err != nil {
		l.t.Fatal(err)
	}
	made := entriesBySignal(l.t, cfg)
	for id := range l.acked.ids {
		sid, err := incident.ParseSignalID(id)
		if err != nil {
			l.t.Fatal(err)
		}
		folded := 0
		for _, k := range made[pepper.Signal(sid)] {
			if k == incident.KindOpened || k == incident.KindJoined {
				folded++
			}
		}
		if folded != 1 {
			l.t.Errorf("signal %.8s was folded %d times, want once: %v", id, folded, made[pepper.Signal(sid)])
		}
	}
	if len(made) != len(l.acked.ids) {
		l.t.Errorf("%d signals are in the record, %d were taken", len(made), len(l.acked.ids))
	}
	out, err := command(l.t.Context(), d.Dir, "--config", "promptness.yml", "verify").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("verified")) {
		l.t.Errorf("verify = %v:\n%s", err, out)
	}
	l.t.Logf("%d signals taken, %d requests refused; %s", len(l.acked.ids), l.refused.Load(), bytes.TrimSpace(out))
}
