//go:build race

package email_test

// slower is how much the race detector slows down what is measured.
const slower = 12
