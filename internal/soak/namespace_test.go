package soak_test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// entered marks, in the environment, a test that is in its own namespace.
const entered = "PROMPTNESS_SOAK_ENTERED"

// inOwnNamespace executes the test again in a user namespace in which it may
// mount a small disk, where it may not here. Where neither is allowed, the test
// that mounts says what it needs.
func inOwnNamespace() {
	if os.Getenv(entered) != "" || mayMount() {
		return
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return
	}
	args := append([]string{unshare, "--user", "--map-root-user", "--mount", "--", os.Args[0]}, os.Args[1:]...)
	if exec.Command(unshare, "--user", "--map-root-user", "--mount", "true").Run() != nil { //nolint:noctx // it ends at once
		return
	}
	err = syscall.Exec(unshare, args, append(os.Environ(), entered+"=1"))
	fmt.Fprintln(os.Stderr, "enter a namespace:", err)
}

func mayMount() bool {
	dir, err := os.MkdirTemp("", "promptness-mount-")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		return false
	}
	return syscall.Unmount(dir, 0) == nil
}
