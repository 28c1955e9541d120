// Package smalldisk gives a test a real file system of a few megabytes, to fill
// it and to make room again; it touches no other file system of the machine.
package smalldisk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// inside tells the test binary that it was started again in a namespace in
// which it may mount.
const inside = "PROMPTNESS_SMALLDISK_INSIDE"

// Run calls f with a new directory on a tmpfs of so many bytes, which is gone
// when the test ends. It must be all that a top-level test does: where this user
// may not mount, the test is run again by a process in a user namespace of its
// own, and f is called there. Where that is not allowed either, or the system is
// not Linux, the test fails: a full disk cannot be pretended.
func Run(t *testing.T, size int64, f func(t *testing.T, d *Disk)) {
	t.Helper()
	dir := t.TempDir()
	err := mount(dir, size)
	if err == nil {
		t.Cleanup(func() {
			if err := unmount(dir); err != nil {
				t.Errorf("unmount %s: %v", dir, err)
			}
		})
		f(t, &Disk{Dir: dir, t: t})
		return
	}
	if os.Getenv(inside) == "" {
		again(t, err)
		return
	}
	t.Fatalf("mount a small disk, in a user namespace too: %v: run the test as root with CAP_SYS_ADMIN, or where user namespaces are allowed", err)
}

// again runs this test in a user namespace of its own.
func again(t *testing.T, cause error) {
	t.Helper()
	if strings.Contains(t.Name(), "/") {
		t.Fatal("smalldisk.Run is for a top-level test")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = namespace()
	out, err := cmd.CombinedOutput()
	t.Logf("mount: %v; run again in a namespace:\n%s", cause, out)
	switch {
	case err != nil:
		t.Fatalf("the test failed in a user namespace, or there is none: %v: run it as root with CAP_SYS_ADMIN, or where user namespaces are allowed", err)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Fatal("the test did not run in the namespace")
	}
}

// A Disk is a small file system.
type Disk struct {
	Dir string
	t   *testing.T
}

// ballast is what Fill leaves on the disk.
func (d *Disk) ballast() string { return filepath.Join(d.Dir, "ballast") }

// Free returns how many bytes are free.
func (d *Disk) Free() int64 {
	d.t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.Dir, &st); err != nil {
		d.t.Fatal(err)
	}
	return int64(st.Bavail) * int64(st.Bsize)
}

// Fill takes space until at most leave bytes are free; 0 fills the disk to the
// last byte.
func (d *Disk) Fill(leave int64) {
	d.t.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for {
		n := d.Free() - leave
		if n <= 0 {
			return
		}
		_, err := f.Write(block[:min(n, int64(len(block)))])
		if errors.Is(err, syscall.ENOSPC) {
			return
		}
		if err != nil {
			d.t.Fatal(fmt.Errorf("fill the disk: %w", err))
		}
	}
}

// Empty takes away what Fill put there.
func (d *Disk) Empty() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
}
