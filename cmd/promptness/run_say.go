package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// tellFirstStart prints the tokens that a first start made: once, to the
// terminal of the person who started it, never to the log.
func tellFirstStart(out io.Writer, cfg Config, files []string) {
	fmt.Fprintf(out, "first start: secrets were made in %s\n", cfg.Secrets())
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".token")
		token, err := os.ReadFile(f)
		if err != nil {
			fmt.Fprintf(out, "  token of %s: in %s\n", name, f)
			continue
		}
		what := "webhook source"
		if name == ownNumber {
			what = "person"
		}
		fmt.Fprintf(out, "  token of the %s %s:\n    %s\n", what, name, strings.TrimSpace(string(token)))
	}
	fmt.Fprintf(out, "keep a copy of the pepper outside this machine: without it nothing joins\nany more: %s\n\n", cfg.PepperFile)
}

// tellReady prints where the program can be reached and what to try.
func tellReady(out io.Writer, cfg Config, a addresses) {
	fmt.Fprintf(out, "webhooks  %s/in/<source>   sources: %s\n", a.webhooks, strings.Join(webhookNames(cfg), ", "))
	fmt.Fprintf(out, "metrics   %s/metrics   health: /healthz, /readyz\n", a.admin)
	fmt.Fprintf(out, "people    promptness incidents, decisions, record --help\n")
}

func webhookNames(cfg Config) []string {
	var names []string
	for _, w := range cfg.Webhooks {
		names = append(names, string(w.Name))
	}
	if len(names) == 0 {
		return []string{"none"}
	}
	return names
}
