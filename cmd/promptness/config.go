package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ministryofjustice/incident-promptness/alerting/alertmanager"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// Config is all that an operator can say, in YAML. Every key may be left out.
// Secrets stand in files of their own, never here. Relative paths count from
// the directory in which promptness is started.
type Config struct {
	// Tenant stands in the names of all streams. Default moj.
	Tenant string `yaml:"tenant"`

	// DataDir holds everything that is kept: the store, the checkpoint, the
	// pepper and the tokens of a first start. Default ./promptness-data.
	DataDir string `yaml:"data_dir"`

	// PepperFile holds the key under which the record knows people and
	// references again. Keep a copy outside the store and its backups: with
	// another pepper nothing joins any more. Made at first start. Default
	// <data_dir>/secrets/pepper.
	PepperFile string `yaml:"pepper_file"`

	// Store says how much is kept, and how. Its directory defaults to
	// <data_dir>/store.
	Store stream.Config `yaml:"store"`

	// Listen says where the program can be reached.
	Listen Listen `yaml:"listen"`

	// People may record acts, each under a token of their own. Default: one
	// manager "me", whose token is made and printed at first start.
	People manual.People `yaml:"people"`

	// Sources are the ways in. Each has a channel (webhook or email) and the
	// keys of that channel. Default: one webhook source "local" of kind
	// alertmanager, whose token is made and printed at first start.
	Sources []conf.Raw `yaml:"sources"`

	// Organisations are the keys of the organisation map, [a-z0-9-]{1,40}.
	// Where any are named, sources may name no others.
	Organisations []incident.Organisation `yaml:"organisations"`

	// Policies are versions of policies beside the built-in ones. A version
	// that has begun is in the record and cannot be edited, only followed by
	// one with a later date.
	Policies []Policy `yaml:"policies"`

	// Enable switches built-in policies on: service-desk, siro, gdpr-33.
	Enable []Enable `yaml:"enable"`

	// Alerting says who is told.
	Alerting Alerting `yaml:"alerting"`

	// Backfill makes everything quiet that is read while it is true: recorded,
	// and nobody is told. For reading old mail.
	Backfill bool `yaml:"backfill"`

	// Roles and Quick are of one process, and stand on its command line: all
	// processes share this file.
	Roles Roles `yaml:"-"`
	Quick bool  `yaml:"-"`

	// Webhooks and Mailboxes are what Sources say, in their order. own is set
	// where the built-in ones stand.
	Webhooks  []webhook.Config `yaml:"-"`
	Mailboxes []email.Config   `yaml:"-"`

	paths sourcePaths
	made  []string // secret files that a first start makes
}

// sourcePaths are the field paths of Webhooks and Mailboxes in the file.
type sourcePaths struct{ webhooks, mailboxes []string }

// Listen holds addresses, host:port. A port of 0 takes a free one.
type Listen struct {
	// Webhooks is where senders post, at /in/<source>. Put TLS before it.
	// Default 127.0.0.1:9421.
	Webhooks string `yaml:"webhooks"`
	// Admin serves people's acts, /metrics, /healthz and /readyz. Keep it on
	// loopback or behind TLS: tokens go over it. Default 127.0.0.1:9420.
	Admin string `yaml:"admin"`
}

// Alerting says who is told, by channel.
type Alerting struct {
	Alertmanager alertmanager.Config `yaml:"alertmanager"`
}

// Default works without a file.
func Default() Config {
	c := Config{
		Tenant:   stream.DefaultTenant,
		DataDir:  "promptness-data",
		Store:    stream.Default(),
		Listen:   Listen{Webhooks: "127.0.0.1:9421", Admin: "127.0.0.1:9420"},
		Alerting: Alerting{Alertmanager: alertmanager.Default()},
	}
	c.Store.Tenant = ""
	c.fill(nil)
	return c
}

// localSource is the webhook source that needs no configuration, and ownNumber
// the staff number of the person that needs none.
const (
	localSource = "local"
	ownNumber   = "me"
)

// Secrets returns the directory of the secrets of a first start.
func (c Config) Secrets() string { return filepath.Join(c.DataDir, "secrets") }

// CheckpointFile returns where the checkpoint of the record stands: beside the
// store, never in it.
func (c Config) CheckpointFile() string { return filepath.Join(c.DataDir, "checkpoint") }

// StoredFile returns where the mark of what was acknowledged stands, beside the
// store as the checkpoint is.
func (c Config) StoredFile() string { return filepath.Join(c.DataDir, "stored") }

// FirstStart returns the files of tokens that are made where they are missing,
// because the source local and the person me stand in no file.
func (c Config) FirstStart() []string { return c.made }

// fill puts in what depends on other values. has says whether the file has a
// key; nil for no file.
func (c *Config) fill(has func(string) bool) {
	if has == nil {
		has = func(string) bool { return false }
	}
	if c.Store.Tenant == "" {
		c.Store.Tenant = c.Tenant
	}
	if c.Store.Dir == "" {
		c.Store.Dir = filepath.Join(c.DataDir, "store")
	}
	if c.PepperFile == "" {
		c.PepperFile = filepath.Join(c.Secrets(), "pepper")
	}
	c.made = nil
	if !has("people") {
		file := filepath.Join(c.Secrets(), ownNumber+".token")
		c.People = manual.People{{Number: ownNumber, Role: incident.RoleManager, TokenFile: file}}
		c.made = append(c.made, file)
	}
	if !has("sources") {
		file := filepath.Join(c.Secrets(), localSource+".token")
		local := webhook.Config{Kind: webhook.KindAlertmanager, Auth: webhook.Auth{Kind: webhook.AuthBearer, TokenFile: file}}
		local.Name = localSource
		c.Webhooks, c.paths.webhooks = []webhook.Config{local}, []string{"sources[0]"}
		c.made = append(c.made, file)
	}
}

// Load reads the file at path over the defaults; without a path it returns
// them. The error joins all problems, each with its line.
func Load(path string) (Config, error) {
	c, _, err := loadConfig(path)
	return c, err
}

func loadConfig(path string) (Config, *conf.Document, error) {
	if path == "" {
		return Default(), nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return Config{}, nil, say.WithHint(fmt.Errorf("read configuration: %w", err), "promptness serve works without a file, too")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, conf.MaxSize+1))
	if err != nil {
		return Config{}, nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	return read(path, data)
}

// read decodes and validates, and opens no file.
func read(path string, data []byte) (Config, *conf.Document, error) {
	doc, err := conf.Parse(path, data)
	if err != nil {
		return Config{}, nil, err
	}
	c := Default()
	c.Store.Tenant, c.Store.Dir, c.PepperFile, c.People, c.Webhooks, c.paths = "", "", "", nil, nil, sourcePaths{}
	all := []error{doc.Decode(&c)}
	all = append(all, c.sources(doc))
	c.fill(doc.Has)
	all = append(all, doc.Locate(c.Validate()))
	return c, doc, conf.Sorted(all...)
}

// channels are the ways in that a source can name.
func channels() string {
	return strings.Join([]string{string(incident.ChannelEmail), string(incident.ChannelWebhook)}, ", ")
}

// sources reads each source into the Config of its channel.
func (c *Config) sources(doc *conf.Document) error {
	var all []error
	for i, raw := range c.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		switch ch := incident.Channel(raw.Text("channel")); ch {
		case incident.ChannelWebhook:
			var in struct {
				Channel        incident.Channel `yaml:"channel"`
				webhook.Config `yaml:",inline"`
			}
			all = append(all, doc.DecodeRaw(at, raw, &in))
			c.Webhooks, c.paths.webhooks = append(c.Webhooks, in.Config), append(c.paths.webhooks, at)
		case incident.ChannelEmail:
			var in struct {
				Channel      incident.Channel `yaml:"channel"`
				Kind         string           `yaml:"kind"`
				email.Config `yaml:",inline"`
			}
			all = append(all, doc.DecodeRaw(at, raw, &in))
			if in.Kind != "" && in.Kind != email.Kind {
				all = append(all, doc.Locate(fmt.Errorf("%s.kind: unknown kind %q of mailbox (have %s)", at, in.Kind, email.Kind)))
			}
			c.Mailboxes, c.paths.mailboxes = append(c.Mailboxes, in.Config), append(c.paths.mailboxes, at)
		default:
			all = append(all, doc.Locate(fmt.Errorf("%s.channel: unknown channel %q (have %s)", at, ch, channels())))
		}
	}
	return errors.Join(all...)
}

// Validate returns all problems of c, each beginning with the path of its
// field. It opens no file and no connection.
func (c Config) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	under := func(path string, err error) { all = append(all, conf.Under(path, err)) }
	if c.DataDir == "" {
		bad("data_dir: is empty")
	}
	if c.Store.Tenant != c.Tenant {
		bad("store.tenant: is %q, and tenant is %q: say it once, as tenant", c.Store.Tenant, c.Tenant)
	}
	if store := c.Store; !incident.SourceName(c.Tenant).Valid() {
		bad("tenant: %q must match [a-z0-9-]{1,40}", c.Tenant)
		store.Tenant = stream.DefaultTenant
		under("store", store.Validate())
	} else {
		under("store", store.Validate())
	}
	for _, l := range []struct{ field, addr string }{{"webhooks", c.Listen.Webhooks}, {"admin", c.Listen.Admin}} {
		if _, port, err := net.SplitHostPort(l.addr); err != nil || port == "" {
			bad("listen.%s: %q must be host:port, for example 127.0.0.1:9421", l.field, l.addr)
		}
	}
	if c.Listen.Webhooks == c.Listen.Admin && !strings.HasSuffix(c.Listen.Admin, ":0") {
		bad("listen.admin: is the address of listen.webhooks too")
	}
	if len(c.Mailboxes) > 0 && c.Store.MaxSignal < email.MaxMail {
		bad("store.max_signal: must be at least 25MiB where a mailbox is read, is %s: larger mails would be refused for good", c.Store.MaxSignal)
	}
	under("people", c.People.Validate())
	for i, o := range c.Organisations {
		if !incident.SourceName(o).Valid() {
			bad("organisations[%d]: %q must match [a-z0-9-]{1,40}", i, o)
		}
		if slices.Index(c.Organisations, o) != i {
			bad("organisations[%d]: %q is here twice", i, o)
		}
	}
	under("", c.validateSources())
	under("", c.validatePolicies())
	under("alerting.alertmanager", c.Alerting.Alertmanager.Validate())
	return errors.Join(all...)
}

// validateSources judges each source and all together: a name is a source's
// for ever, whatever its channel.
func (c Config) validateSources() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	first := map[incident.SourceName]string{manual.Source: "the way in of people"}
	name := func(at string, n incident.SourceName) {
		if other, twice := first[n]; twice && n != "" {
			bad("%s.name: %q is the name of %s already", at, n, other)
			return
		}
		first[n] = at
	}
	for i, w := range c.Webhooks {
		at := c.paths.webhooks[i]
		all = append(all, conf.Under(at, w.Validate()))
		if w.Auth.Kind == webhook.AuthNone && !webhook.Loopback(c.Listen.Webhooks) {
			bad("%s.auth.kind: none is only for a listener on loopback, and %s can be reached from elsewhere; use bearer, basic or hmac", at, c.Listen.Webhooks)
		}
		all = append(all, c.organisations(at, w.Known))
		name(at, w.Name)
		for from, to := range w.Organisations {
			if len(c.Organisations) > 0 && !slices.Contains(c.Organisations, to) {
				bad("%s.organisations[%s]: unknown organisation %q", at, from, to)
			}
		}
	}
	for i, m := range c.Mailboxes {
		at := c.paths.mailboxes[i]
		all = append(all, conf.Under(at, m.Validate()))
		all = append(all, c.organisations(at, m.Known))
		name(at, m.Name)
		for key := range m.Organisations {
			if len(c.Organisations) > 0 && !slices.Contains(c.Organisations, key) {
				bad("%s.organisations.%s: unknown organisation", at, key)
			}
		}
	}
	return errors.Join(all...)
}

func (c Config) organisations(at string, known func([]incident.Organisation) error) error {
	if len(c.Organisations) == 0 {
		return nil
	}
	return conf.Under(at, known(c.Organisations))
}

// Rules returns what of c decides: policies, source rules, organisations and
// interpreter versions. c must be valid.
func (c Config) Rules() (*incident.Rules, error) {
	r := &incident.Rules{
		Policies:      c.policies(),
		Sources:       []incident.SourceRule{manual.Rule()},
		Organisations: slices.Clone(c.Organisations),
		Interpreters:  []string{manual.Version, webhook.InterpreterName, email.Version},
	}
	for _, w := range c.Webhooks {
		rule, err := w.Rule(c.Organisations)
		if err != nil {
			return nil, err
		}
		r.Sources = append(r.Sources, rule)
	}
	for _, m := range c.Mailboxes {
		r.Sources = append(r.Sources, m.Rule())
	}
	if _, err := r.Canonical(); err != nil { // sorts
		return nil, fmt.Errorf("write rules: %w", err)
	}
	return r, nil
}
