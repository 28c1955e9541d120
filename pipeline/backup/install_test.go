package backup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
)

// A site is a place where a store of three files is put.
type site struct {
	backup.Place
	verified int
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{}
	s.Place = backup.Place{
		Dir: filepath.Join(dir, "store"), Name: "jetstream", Checkpoint: filepath.Join(dir, "checkpoint"),
		Build: func(_ context.Context, dir string) error {
			for _, name := range []string{"a", "b/c", "b/d/e"} {
				path := filepath.Join(dir, "jetstream", name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					return err
				}
				if err := os.WriteFile(path, []byte("whole"), 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Again: func(_ context.Context, dir string) error {
			s.verified++
			return whole(dir)
		},
		WriteCheckpoint: func() error { return os.WriteFile(filepath.Join(dir, "checkpoint"), []byte("whole"), 0o600) },
	}
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return s
}

// whole reports what is missing of the store.
func whole(dir string) error {
	var errs []error
	for _, name := range []string{"a", "b/c", "b/d/e"} {
		if b, err := os.ReadFile(filepath.Join(dir, "jetstream", name)); string(b) != "whole" {
			errs = append(errs, fmt.Errorf("%s: %q, %w", name, b, err))
		}
	}
	return errors.Join(errs...)
}

func (s *site) has(name string) bool {
	_, err := os.Lstat(filepath.Join(s.Dir, name))
	return err == nil
}

func (s *site) checkpoint() bool {
	_, err := os.Lstat(s.Checkpoint)
	return err == nil
}

func TestAStoreIsPutInItsPlace(t *testing.T) {
	s := newSite(t)
	if err := backup.Install(t.Context(), "id", s.Place); err != nil {
		t.Fatal(err)
	}
	if err := whole(s.Dir); err != nil {
		t.Error(err)
	}
	if !s.checkpoint() {
		t.Error("there is no checkpoint")
	}
	left, err := os.ReadDir(s.Dir)
	if err != nil || len(left) != 1 {
		t.Errorf("beside the store there is %v, %v, want nothing", left, err)
	}
	if got := refusal(t, backup.Install(t.Context(), "id", s.Place)); got != backup.RefuseNotEmpty {
		t.Errorf("a second time: %s, want %s", got, backup.RefuseNotEmpty)
	}
}

func TestNothingIsPutOverWhatIsThere(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		want       backup.Refusal
	}{
		{"a store", "store/jetstream", backup.RefuseNotEmpty},
		{"a checkpoint", "checkpoint", backup.RefuseCheckpoint},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			if err := os.WriteFile(filepath.Join(filepath.Dir(s.Dir), tt.path), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := refusal(t, backup.Install(t.Context(), "id", s.Place)); got != tt.want {
				t.Errorf("Install is refused with %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAStoreThatDoesNotVerifyIsNotPutAnywhere(t *testing.T) {
	s := newSite(t)
	build := s.Build
	s.Build = func(ctx context.Context, dir string) error { return errors.Join(build(ctx, dir), errCrash) }
	if err := backup.Install(t.Context(), "id", s.Place); !errors.Is(err, errCrash) {
		t.Errorf("Install = %v", err)
	}
	if left, err := os.ReadDir(s.Dir); err != nil || len(left) != 0 || s.checkpoint() {
		t.Errorf("there is %v, %v, want nothing", left, err)
	}
}

// The order of the syncs is what a power cut asks about: everything in the store
// is durable before it has its name.
func TestEverythingIsSyncedBeforeTheStoreHasItsName(t *testing.T) {
	s := newSite(t)
	synced := map[string]bool{}
	var order []string
	err := backup.InstallStepwise(t.Context(), "id", s.Place, func(op, path string, done bool) error {
		if op == "sync" && done {
			for inside := range synced {
				if strings.HasPrefix(path, inside+"/") {
					t.Errorf("%s is synced after the directory that holds it", path)
				}
			}
			if path != s.Dir {
				synced[path] = true
			}
		}
		if done {
			order = append(order, op+" "+filepath.Base(path))
		}
		if op == "rename" && filepath.Base(path) == "jetstream" && !done {
			for _, name := range []string{"", "jetstream", "jetstream/a", "jetstream/b", "jetstream/b/c", "jetstream/b/d", "jetstream/b/d/e"} {
				if !synced[filepath.Join(s.Dir, backup.BuildingName, name)] {
					t.Errorf("%q is not synced when the store gets its name", name)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tail := strings.Join(order[len(order)-6:], ", ")
	if want := "rename jetstream, sync store, checkpoint checkpoint, remove restoring, remove restoring.building, sync store"; tail != want {
		t.Errorf("it ends with %s, want %s", tail, want)
	}
}

func TestACrashLeavesNothingOrIsFinishedByTheNextRestore(t *testing.T) {
	crashes(t, func(t *testing.T, step backup.Step) {
		s := newSite(t)
		err := backup.InstallStepwise(t.Context(), "id", s.Place, step)
		if err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		// What stands there is whole, and is started on only with a checkpoint.
		if s.has("jetstream") {
			if err := whole(s.Dir); err != nil {
				t.Errorf("after the crash: %v", err)
			}
		}
		if s.checkpoint() && !s.has("jetstream") {
			t.Error("there is a checkpoint without its store")
		}
		between := s.has("jetstream") && s.has("restoring")
		if between {
			if got := refusal(t, backup.Install(t.Context(), "another", s.Place)); got != backup.RefuseNotEmpty {
				t.Errorf("another backup: refused with %s, want %s", got, backup.RefuseNotEmpty)
			}
		}
		err = backup.Install(t.Context(), "id", s.Place)
		if err != nil && (between || refusal(t, err) != backup.RefuseNotEmpty || !s.checkpoint()) {
			t.Fatalf("restored again: %v", err)
		}
		if between && s.verified != 1 {
			t.Errorf("what the crash left was verified %d times, want once", s.verified)
		}
		if err := whole(s.Dir); err != nil || !s.checkpoint() || s.has("restoring") {
			t.Errorf("restored again it is not whole: %v", err)
		}
	})
}
