// Command promptness measures how promptly security incidents are reported:
// signals come in from mail, webhooks and people, and verdicts, metrics and
// alerts go out; it never counts a time that nobody stated or recorded.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/ministryofjustice/incident-promptness/internal/say"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := promptness(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, errSilent) {
		os.Exit(say.CouldNot)
	}
	os.Exit(say.Error(os.Stderr, err))
}
