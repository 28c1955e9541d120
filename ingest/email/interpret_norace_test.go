//go:build !race

package email_test

const (
	slower  = 1
	roomier = 1
	huge    = 100 << 20
	large   = 25 << 20 // the largest mail that is stored whole
)
