package natstest

import (
	"fmt"
	"syscall"
	"testing"
)

// reserve returns a port of loopback that is kept for the caller until the test
// ends, also while nobody listens on it: a server that is down keeps its
// address. A bound socket that does not listen does it: the kernel gives the
// port to nobody who asks for any port, and lets one who names it have it.
func reserve(t testing.TB) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("reserve a port: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	// As every listener of Go has it; both must for the second to be let in.
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatalf("reserve a port: %v", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatalf("reserve a port: %v", err)
	}
	addr, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatalf("reserve a port: %v", err)
	}
	return addr.(*syscall.SockaddrInet4).Port
}

// loopback returns the address of a port.
func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// Addr returns an address of loopback that is kept for the caller until the test
// ends, also while nobody listens on it.
func Addr(t testing.TB) string {
	t.Helper()
	return loopback(reserve(t))
}
