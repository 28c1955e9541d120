// Package dovecot runs Debian's own Dovecot for a test, on loopback ports of
// its own with one user and certificates made for it, and puts mails into its
// mailbox; it touches no Dovecot that the machine has configured.
package dovecot

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// The one user of a server.
const (
	User     = "reports@example.org"
	Password = "correct horse battery staple"
)

// A Server is a running Dovecot. Its mailbox INBOX is empty at first.
type Server struct {
	Addr    string // host:port that speaks plain IMAP and STARTTLS
	TLSAddr string // host:port that speaks IMAP over TLS
	// CAFile holds the certificate, in PEM form, that the server's comes from.
	CAFile string
	// PasswordFile holds Password.
	PasswordFile string

	tb       testing.TB
	tokens   *tokens // nil: it takes none
	dir      string
	uid, gid int
	cmd      *exec.Cmd
	ended    chan struct{}
	output   bytes.Buffer
	mails    int
}

// Start runs a server until the test ends. It works as root and as any other
// user. It ends the test where Dovecot is not installed.
func Start(tb testing.TB) *Server {
	tb.Helper()
	return start(tb, nil)
}

func start(tb testing.TB, tokens *tokens) *Server {
	tb.Helper()
	binary := find(tb)
	// Not tb.TempDir: the user of the mails must be able to enter it.
	dir, err := os.MkdirTemp("", "dovecot-")
	must(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(tb, os.Chmod(dir, 0o755))
	s := &Server{
		tb: tb, tokens: tokens, dir: dir, uid: os.Getuid(), gid: os.Getgid(),
		CAFile: filepath.Join(dir, "ca.pem"), PasswordFile: filepath.Join(dir, "password"),
	}
	if s.uid == 0 { // Dovecot reads no mails as root
		nobody, err := user.Lookup("nobody")
		must(tb, err)
		s.uid, _ = strconv.Atoi(nobody.Uid)
		s.gid, _ = strconv.Atoi(nobody.Gid)
	}
	for _, d := range []string{"mail", "mail/cur", "mail/new", "mail/tmp", "home"} {
		must(tb, os.Mkdir(filepath.Join(dir, d), 0o700))
		must(tb, os.Chown(filepath.Join(dir, d), s.uid, s.gid))
	}
	must(tb, os.WriteFile(s.PasswordFile, []byte(Password+"\n"), 0o600))
	certificates(tb, dir)
	s.Addr, s.TLSAddr = freeAddr(tb), freeAddr(tb)
	s.configure()
	s.start(binary)
	tb.Cleanup(func() {
		s.Kill()
		if log, err := os.ReadFile(filepath.Join(dir, "log")); err == nil && tb.Failed() {
			tb.Logf("dovecot's log ends:\n%s", log[max(0, len(log)-4<<10):])
		}
	})
	return s
}

func find(tb testing.TB) string {
	tb.Helper()
	for _, p := range []string{"/usr/sbin/dovecot", "/usr/local/sbin/dovecot"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	tb.Fatal("dovecot is not installed: run deploy/test/install.sh, or apt-get install dovecot-imapd")
	return ""
}

var configuration = template.Must(template.New("dovecot").Parse(`
protocols = imap
listen = 127.0.0.1
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Dir}}/log
ssl = yes
ssl_cert = <{{.Dir}}/cert.pem
ssl_key = <{{.Dir}}/key.pem
ssl_dh =
disable_plaintext_auth = no
auth_mechanisms = plain login{{if .Tokens}} xoauth2 oauthbearer{{end}}
default_internal_user = {{.Internal}}
default_internal_group = {{.InternalGroup}}
default_login_user = {{.Login}}
first_valid_uid = 1
first_valid_gid = 1
mail_uid = {{.UID}}
mail_gid = {{.GID}}
mail_home = {{.Dir}}/home
mail_location = maildir:{{.Dir}}/mail
mail_max_userip_connections = 0
# A mail is told of as soon as it is there.
mailbox_idle_check_interval = 1s
maildir_stat_dirs = yes
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = {{.Port}}
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = {{.TLSPort}}
    ssl = yes
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
{{if .Tokens}}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {{.Dir}}/oauth2.conf
}
{{end}}
passdb {
  driver = static
{{- if .Tokens}}
  mechanisms = plain login
{{- end}}
  args = password={{.PasswordFor}}
}
userdb {
  driver = static
  args = uid={{.UID}} gid={{.GID}} home={{.Dir}}/home
}
namespace inbox {
  inbox = yes
}
`))

func (s *Server) configure() {
	s.tb.Helper()
	internal, group, login := "dovecot", "dovecot", "dovenull"
	if os.Getuid() != 0 {
		me, err := user.Current()
		must(s.tb, err)
		mine, err := user.LookupGroupId(me.Gid)
		must(s.tb, err)
		internal, group, login = me.Username, mine.Name, me.Username
	}
	_, port, _ := net.SplitHostPort(s.Addr)
	_, tlsPort, _ := net.SplitHostPort(s.TLSAddr)
	var b bytes.Buffer
	must(s.tb, configuration.Execute(&b, map[string]any{
		"Dir": s.dir, "UID": s.uid, "GID": s.gid, "Port": port, "TLSPort": tlsPort,
		"Internal": internal, "InternalGroup": group, "Login": login,
		// Blanks end an argument of the static driver.
		"PasswordFor": "{PLAIN.b64}" + base64(Password),
		"Tokens":      s.tokens != nil,
	}))
	if s.tokens != nil {
		must(s.tb, os.WriteFile(filepath.Join(s.dir, "oauth2.conf"), []byte(s.tokens.configuration()), 0o644)) //nolint:gosec // as below
	}
	must(s.tb, os.WriteFile(filepath.Join(s.dir, "dovecot.conf"), b.Bytes(), 0o644)) //nolint:gosec // others of its processes read it
}

func (s *Server) start(binary string) {
	s.tb.Helper()
	s.cmd = exec.CommandContext(context.WithoutCancel(s.tb.Context()), binary, "-F", "-c", filepath.Join(s.dir, "dovecot.conf"))
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(s.tb, s.cmd.Start())
	s.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) { // waited for by Kill
		_ = cmd.Wait()
		close(ended)
	}(s.cmd, s.ended)
	for _, addr := range []string{s.Addr, s.TLSAddr} {
		eventually.Eventually(s.tb, 15*time.Second, "dovecot listens on "+addr, func() bool {
			select {
			case <-s.ended:
				log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
				s.tb.Fatalf("dovecot ended: %s%s", s.output.String(), log)
			default:
			}
			conn, err := net.DialTimeout("tcp", addr, time.Second)
			if err != nil {
				return false
			}
			_ = conn.Close()
			return true
		})
	}
}

// Kill ends every process of the server at once. Mails and their numbers stay.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.ended
	s.cmd = nil
}

// Restart kills the server and starts it on the same ports.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	_ = os.RemoveAll(filepath.Join(s.dir, "run"))
	s.start(find(s.tb))
}

// Deliver puts a mail into the mailbox. Its INTERNALDATE is now.
func (s *Server) Deliver(raw []byte) {
	s.tb.Helper()
	s.DeliverAt(raw, time.Now())
}

// DeliverAt is Deliver with an INTERNALDATE, to the second.
func (s *Server) DeliverAt(raw []byte, at time.Time) {
	s.tb.Helper()
	s.mails++
	name := fmt.Sprintf("%d.M%dP%d.test", at.Unix(), s.mails, os.Getpid())
	tmp := filepath.Join(s.dir, "mail/tmp", name)
	must(s.tb, os.WriteFile(tmp, raw, 0o600))
	must(s.tb, os.Chown(tmp, s.uid, s.gid))
	must(s.tb, os.Chtimes(tmp, at, at))
	must(s.tb, os.Rename(tmp, filepath.Join(s.dir, "mail/new", name)))
}

// ResetUIDValidity gives the mailbox a new UIDVALIDITY and its mails new
// numbers from 1, as after a restore from a backup.
func (s *Server) ResetUIDValidity() {
	s.tb.Helper()
	list := filepath.Join(s.dir, "mail/dovecot-uidlist")
	// A session that is open writes the list too, under this lock.
	lock := list + ".lock"
	eventually.Eventually(s.tb, 10*time.Second, "dovecot leaves its list of numbers", func() bool {
		f, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			err = f.Close()
		}
		return err == nil
	})
	defer func() { _ = os.Remove(lock) }()
	old, err := os.ReadFile(list)
	must(s.tb, err)
	// The first line is "3 V<uidvalidity> N<next uid> G<id>".
	validity := 0
	for _, f := range strings.Fields(strings.SplitN(string(old), "\n", 2)[0]) {
		if v, ok := strings.CutPrefix(f, "V"); ok {
			validity, err = strconv.Atoi(v)
			must(s.tb, err)
		}
	}
	indexes, err := filepath.Glob(filepath.Join(s.dir, "mail/dovecot.*"))
	must(s.tb, err)
	for _, f := range indexes {
		must(s.tb, os.RemoveAll(f))
	}
	if _, err := os.Stat(lock); err != nil {
		s.tb.Fatal("the lock of the list went with the indexes")
	}
	tmp := list + ".new"
	must(s.tb, os.WriteFile(tmp, fmt.Appendf(nil, "3 V%d N1 G%032x\n", validity+1, validity+1), 0o600))
	must(s.tb, os.Chown(tmp, s.uid, s.gid))
	must(s.tb, os.Rename(tmp, list))
}

// Untouched reports whether no mail has been given a flag, nor been moved from
// the place of those that nobody has seen.
func (s *Server) Untouched() bool {
	s.tb.Helper()
	seen, err := os.ReadDir(filepath.Join(s.dir, "mail/cur"))
	must(s.tb, err)
	return len(seen) == 0
}

// MakeFolder makes a folder beside the INBOX.
func (s *Server) MakeFolder(name string) {
	s.tb.Helper()
	for _, d := range []string{"", "cur", "new", "tmp"} {
		dir := filepath.Join(s.dir, "mail/."+name, d)
		must(s.tb, os.Mkdir(dir, 0o700))
		must(s.tb, os.Chown(dir, s.uid, s.gid))
	}
}

// Folder returns the mails in a folder, in no order. The INBOX is "".
func (s *Server) Folder(name string) [][]byte {
	s.tb.Helper()
	if name != "" {
		name = "." + name
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "mail", name, "[cn][ue][rw]", "*"))
	must(s.tb, err)
	var all [][]byte
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil { // it may have been moved just now
			all = append(all, b)
		}
	}
	return all
}

// Remove deletes every mail, as a person would in another program.
func (s *Server) Remove() {
	s.tb.Helper()
	for _, d := range []string{"mail/new", "mail/cur"} {
		files, err := filepath.Glob(filepath.Join(s.dir, d, "*"))
		must(s.tb, err)
		for _, f := range files {
			must(s.tb, os.Remove(f))
		}
	}
}

func freeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	must(tb, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
