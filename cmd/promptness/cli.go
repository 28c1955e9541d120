package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/say"
)

// commandLine is what can be typed.
type commandLine struct {
	JSON      bool     `help:"Print results as JSON." name:"json"`
	Server    string   `help:"Address of a running promptness, for the commands that ask it." default:"http://127.0.0.1:9420" env:"PROMPTNESS_SERVER" placeholder:"URL"`
	TokenFile string   `help:"File that holds your token; whoever owns it is the author of what is recorded. Default: ${token_file}" env:"PROMPTNESS_TOKEN_FILE" placeholder:"FILE"`
	Config    string   `help:"Configuration, a YAML file. Without one, promptness runs with its defaults." env:"PROMPTNESS_CONFIG" placeholder:"FILE" short:"c"`
	Help      helpFlag `help:"Show help." short:"h"`

	Serve       serveCmd       `cmd:"" help:"Run: take signals, run clocks, tell people."`
	Init        initCmd        `cmd:"" help:"Make an external cluster ready: create the streams that are missing, and remember the pepper. For an operator."`
	Demo        demoCmd        `cmd:"" help:"Show a day of incidents being measured, in a temporary directory."`
	Check       checkCmd       `cmd:"" help:"Check a configuration, up to the first network call, and print what it will put in force."`
	Record      recordCmd      `cmd:"" help:"Record what people know or decide about an incident."`
	Decisions   decisionsCmd   `cmd:"" help:"List what waits for a person, oldest first, with the command that settles it."`
	Incidents   incidentsCmd   `cmd:"" help:"List incidents, or show one."`
	Sources     sourcesCmd     `cmd:"" help:"List the ways in: whether each is heard, and what became of every mail."`
	Why         whyCmd         `cmd:"" help:"Explain a verdict: claims, why signals were joined, each step."`
	Report      monthCmd       `cmd:"" help:"Report on a month: how promptly incidents were reported, with ranges, counts and what is behind them."`
	Verify      verifyCmd      `cmd:"" help:"Verify the record from its first entry, and name the first that is bad."`
	Repair      repairCmd      `cmd:"" help:"Say what is wrong with the record, and go on without what is lost where you accept it."`
	Export      exportCmd      `cmd:"" help:"Write the record as lines that anybody can verify; see docs/verify.md."`
	Backup      backupCmd      `cmd:"" help:"Copy the store, running or not, into a directory, and verify the copy."`
	Restore     restoreCmd     `cmd:"" help:"Make the store anew from a backup, and verify it."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running promptness whether it is ready; exit 0 if so."`
	Version     versionCmd     `cmd:"" help:"Print what was built."`
}

// session is what a command has besides its own arguments.
type session struct {
	*commandLine
	stdout, stderr io.Writer
}

// promptness runs one command line. It returns what say.Error prints.
func promptness(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var line commandLine
	parser, err := kong.New(&line,
		kong.Name("promptness"),
		kong.Description("Measures how promptly security incidents are reported."),
		kong.Writers(stdout, stderr),
		kong.NoDefaultHelp(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 80}),
		kong.Vars{
			"token_file": filepath.Join(".", Default().Secrets(), ownNumber+".token"),
			"reasons":    joined(incident.Reasons(), ", "),
			"late":       string(incident.ReasonToldManager),
			"milestones": joined(incident.Milestones(), ", "),
		},
	)
	if err != nil {
		return fmt.Errorf("read command line: %w", err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if errors.Is(err, errHelp) {
		return nil
	}
	if err != nil {
		return misused(err)
	}
	if line.TokenFile == "" {
		line.TokenFile = filepath.Join(Default().Secrets(), ownNumber+".token")
	}
	s := &session{commandLine: &line, stdout: stdout, stderr: stderr}
	kctx.BindTo(ctx, (*context.Context)(nil))
	return kctx.Run(s)
}

// misused tells what is wrong with the command line and how to see what is
// right.
func misused(err error) error {
	do := "promptness --help"
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil {
		if node := p.Context.Selected(); node != nil {
			do = strings.Join(append([]string{"promptness"}, strings.Fields(node.Path())...), " ") + " --help"
		}
	}
	return &say.UsageError{Err: err, Do: do}
}

var errHelp = errors.New("help was asked for")

// helpFlag prints help instead of running a command.
type helpFlag bool

// BeforeReset prints help for what was typed so far.
func (helpFlag) BeforeReset(ctx *kong.Context) error {
	if err := ctx.PrintUsage(false); err != nil {
		return err
	}
	return errHelp
}

// IsBool says that --help takes no value.
func (helpFlag) IsBool() bool { return true }

func joined[S ~string](all []S, sep string) string {
	var words []string
	for _, s := range all {
		words = append(words, string(s))
	}
	return strings.Join(words, sep)
}

// printJSON prints one value, indented for people who look at it.
func (s *session) printJSON(v any) error {
	enc := json.NewEncoder(s.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// silent keeps the exit code of an error whose text was printed as JSON.
func silent(err error) error {
	if err == nil {
		return nil
	}
	return errSilent
}

var errSilent = errors.New("")

// serveCmd runs the program.
type serveCmd struct {
	Log       string   `help:"Form of the log on stderr: text or json." enum:"text,json" default:"text"`
	Role      Roles    `help:"What this process does, joined by commas: ingest, process, alert. Default: all. Needs an external store." placeholder:"ROLES"`
	NATS      []string `help:"Addresses of an external NATS, joined by commas, instead of store.nats.urls." name:"nats" placeholder:"URL"`
	Ephemeral bool     `help:"Accept a store that a restart of the machine may lose: tmpfs, overlay, a network file system." env:"PROMPTNESS_EPHEMERAL"`
	Quick     bool     `help:"Verify the chain of the record only from the last checkpoint on."`
}

// Run runs until ctx ends.
func (c *serveCmd) Run(ctx context.Context, s *session) error {
	cfg, err := Load(s.Config)
	if err != nil {
		return err
	}
	if cfg, err = c.over(cfg); err != nil {
		return err
	}
	return Run(ctx, cfg, newLogger(s.stderr, c.Log), s.stdout)
}

// over returns cfg with what the command line says.
func (c *serveCmd) over(cfg Config) (Config, error) {
	cfg.Roles, cfg.Quick = c.Role, c.Quick
	cfg.Store.Ephemeral = cfg.Store.Ephemeral || c.Ephemeral
	if len(c.NATS) > 0 {
		cfg.Store.NATS.URLs = c.NATS
	}
	if err := cfg.Validate(); err != nil {
		return cfg, err
	}
	if err := cfg.Roles.validate(!cfg.Store.NATS.External()); err != nil {
		return cfg, fmt.Errorf("read command line: %w", err)
	}
	return cfg, nil
}

// demoCmd runs the demonstration.
type demoCmd struct {
	Exit bool `help:"End when all signals are settled and the clock that is watched has breached."`
}

// Run runs the demonstration in a temporary directory.
func (c *demoCmd) Run(ctx context.Context, s *session) error {
	return Demo(ctx, DemoOptions{Exit: c.Exit, JSON: s.JSON}, s.stdout, s.stderr)
}

// versionCmd prints build information.
type versionCmd struct{}

// Version is what was built.
type Version struct {
	Version  string    `json:"version"`
	Revision string    `json:"revision,omitempty"`
	Built    time.Time `json:"built,omitzero"` // time of the revision
	Modified bool      `json:"modified,omitempty"`
	Go       string    `json:"go"`
	Platform string    `json:"platform"`
	Record   int       `json:"record_version"`
}

// buildVersion returns what the linker wrote down.
func buildVersion() Version {
	v := Version{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Record: incident.EntryVersion}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Built, _ = time.Parse(time.RFC3339, s.Value) // zero where it is not told
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// Run prints it.
func (c *versionCmd) Run(s *session) error {
	v := buildVersion()
	if s.JSON {
		return s.printJSON(v)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "promptness %s", v.Version)
	if v.Revision != "" && !strings.Contains(v.Version, v.Revision[:min(12, len(v.Revision))]) {
		fmt.Fprintf(&b, " (%.12s)", v.Revision)
	}
	fmt.Fprintf(&b, " %s %s\n", v.Go, v.Platform)
	_, err := io.WriteString(s.stdout, b.String())
	return err
}
