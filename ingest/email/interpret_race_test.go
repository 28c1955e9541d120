//go:build race

package email_test

// The race detector slows down what is measured, and lets pools forget what
// they hold, so that more is allocated.
const (
	slower  = 12
	roomier = 8
	huge    = 10 << 20 // bytes of the bombs
	large   = 5 << 20
)
