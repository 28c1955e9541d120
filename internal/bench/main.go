// Command bench measures what the program can do on this machine, beside the
// machine's own limits, and prints a table or JSON; it changes nothing outside
// a temporary directory and asserts nothing.
//
//	go run ./internal/bench [-json] [-dir DIR] [-runs N] [-incidents N] [-cpuprofile FILE] [-memprofile FILE]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// A figure is one thing measured, in several runs.
type figure struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Runs   []float64 `json:"runs"`
	Median float64   `json:"median"`
	// PerFsync is Median over the machine's fsyncs a second, for rates that
	// wait for the disk.
	PerFsync float64 `json:"per_fsync,omitempty"`
	Budget   string  `json:"budget,omitempty"`
	Note     string  `json:"note,omitempty"`
}

type options struct {
	dir       string
	runs      int
	senders   int
	seconds   int
	incidents int
	memory    string // file for a heap profile after the last start
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	asJSON := fs.Bool("json", false, "print JSON")
	o := options{}
	fs.StringVar(&o.dir, "dir", "", "directory for the stores; default a temporary one")
	fs.IntVar(&o.runs, "runs", 3, "runs of each measurement")
	fs.IntVar(&o.senders, "senders", 64, "webhook senders at a time")
	fs.IntVar(&o.seconds, "seconds", 4, "length of a webhook run")
	fs.IntVar(&o.incidents, "incidents", 100_000, "incidents of the processing and start-up runs")
	cpu := fs.String("cpuprofile", "", "write a CPU profile of everything to this file")
	fs.StringVar(&o.memory, "memprofile", "", "write a heap profile of the state after the start to this file")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *cpu != "" {
		f, err := os.Create(*cpu)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	base, err := os.MkdirTemp(o.dir, "promptness-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(base)

	fsync := figure{Name: "fsync of 1 appended block", Unit: "1/s", Note: "the machine's own limit"}
	webhooks := figure{Name: fmt.Sprintf("webhooks answered 202, %d senders, 1 KiB", o.senders), Unit: "1/s", Budget: "20 000/s"}
	fold := figure{Name: "signals interpreted, folded, committed", Unit: "1/s", Budget: "60 000/s", Note: "from a full SIGNALS stream"}
	start := figure{Name: fmt.Sprintf("start, %d incidents, chain verified", o.incidents), Unit: "s"}
	memory := figure{Name: "memory of an incident, all indexes", Unit: "B", Budget: "1 024 B", Note: "heap after start, over the number of incidents"}
	entries := figure{Name: "entries read and verified at start", Unit: "1/s"}
	mails := figure{Name: "plain mails interpreted, one core", Unit: "1/s", Budget: "2 000/s", Note: "by processor time"}
	large := figure{Name: "heap while a mail of 25 MB is interpreted", Unit: "MB", Budget: "100 MB", Note: "with the mail itself"}
	month := figure{Name: fmt.Sprintf("report of a month of %d incidents", monthSize), Unit: "s", Budget: "10 s", Note: "of entries in memory; reading and verifying them is in the start"}
	monthMemory := figure{Name: "memory of an incident in that report", Unit: "B"}
	for i := range o.runs {
		say := func(what string) { fmt.Fprintf(progress, "run %d of %d: %s\n", i+1, o.runs, what) }
		dir := filepath.Join(base, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		say("fsync")
		rate, err := stream.FsyncRate(dir, time.Second)
		if err != nil {
			return err
		}
		fsync.Runs = append(fsync.Runs, rate)
		say("webhooks")
		n, err := benchWebhooks(ctx, filepath.Join(dir, "webhooks"), o)
		if err != nil {
			return err
		}
		webhooks.Runs = append(webhooks.Runs, n)
		say("processing and start")
		p, err := benchProcessor(ctx, filepath.Join(dir, "processor"), o)
		if err != nil {
			return err
		}
		fold.Runs = append(fold.Runs, p.signalsPerSecond)
		start.Runs = append(start.Runs, p.start.Seconds())
		entries.Runs = append(entries.Runs, p.entriesPerSecond)
		memory.Runs = append(memory.Runs, p.bytesPerIncident)
		say("mail")
		if n, err = benchMail(o.seconds); err != nil {
			return err
		}
		mails.Runs = append(mails.Runs, n)
		if n, err = benchLargeMail(); err != nil {
			return err
		}
		large.Runs = append(large.Runs, n)
		say("report of a month")
		m, err := benchMonth(monthSize)
		if err != nil {
			return err
		}
		month.Runs = append(month.Runs, m.seconds)
		monthMemory.Runs = append(monthMemory.Runs, m.bytesPerIncident)
		start.Note = fmt.Sprintf("%d entries in %d messages", p.entries, p.messages)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	figures := []*figure{&fsync, &webhooks, &fold, &start, &entries, &memory, &mails, &large}
	for _, f := range figures {
		f.Median = median(f.Runs)
	}
	webhooks.PerFsync = webhooks.Median / fsync.Median
	fold.PerFsync = fold.Median / fsync.Median
	if *asJSON {
		return json.NewEncoder(out).Encode(map[string]any{
			"cpus": runtime.NumCPU(), "go": runtime.Version(), "figures": figures,
		})
	}
	return table(out, figures)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

func table(out io.Writer, figures []*figure) error {
	fmt.Fprintf(out, "%d CPUs, %s; median of %d runs (least to most)\n\n", runtime.NumCPU(), runtime.Version(), len(figures[0].Runs))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tMEDIAN\tLEAST\tMOST\tPER FSYNC\tBUDGET\tNOTE")
	for _, f := range figures {
		per := ""
		if f.PerFsync > 0 {
			per = fmt.Sprintf("%.1f", f.PerFsync)
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%s\t%s\t%s\t%s\n", f.Name, number(f.Median), f.Unit,
			number(slices.Min(f.Runs)), number(slices.Max(f.Runs)), per, f.Budget, f.Note)
	}
	return w.Flush()
}

func number(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
