package docs_test

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// program builds the program once and returns its path.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "promptness-docs-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "promptness")
	args := []string{"build"}
	if race {
		args = append(args, "-race") // what the tests compiled is used again
	}
	cmd := exec.Command("go", append(args, "-o", path, "./cmd/promptness")...)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	return path, cmd.Run()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built {
		if path, err := program(); err == nil {
			os.RemoveAll(filepath.Dir(path)) // best effort: it is a temporary directory
		}
	}
	os.Exit(code)
}

var built bool

// run runs the program in dir and returns what it printed on both outputs.
func run(t testing.TB, dir string, args ...string) (string, error) {
	t.Helper()
	built = true
	path, err := program()
	if err != nil {
		t.Fatalf("build program: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// secretFile are the paths of secrets in a shipped configuration.
var secretFile = regexp.MustCompile(`/run/secrets/[a-z0-9-]+`)

// withSecrets returns text with each secret in a file that exists.
func withSecrets(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	return secretFile.ReplaceAllStringFunc(text, func(path string) string {
		file := filepath.Join(dir, filepath.Base(path))
		secret := strings.Repeat(filepath.Base(path), 20)
		if strings.HasSuffix(path, "-account") { // of Google
			secret = `{"type":"service_account","client_email":"a@p.example.org","private_key":"…"}`
		}
		if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	})
}

func checked(t testing.TB, name, text string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "promptness.yml"), []byte(withSecrets(t, text)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, dir, "check", "promptness.yml"); err != nil {
		t.Errorf("check %s: %v\n%s", name, err, out)
	}
}

// commented are lines that a user is to take the # from.
var commented = regexp.MustCompile(`(?m)^( *)# ( *(?:- )?(?:[a-z_]+:|\{).*)$`)

func TestTheShippedConfigurationPassesCheck(t *testing.T) {
	text := readFile(t, "deploy/promptness/promptness.yml")
	checked(t, "deploy/promptness/promptness.yml", text)
	all := commented.ReplaceAllString(text, "$1$2")
	for _, want := range []string{"\n  - name: security-mailbox", "\n    authentication:\n", "\norganisations:", "\nenable:\n  - {id: service-desk"} {
		if !strings.Contains(all, want) {
			t.Fatalf("with all that is commented out, it lacks %q:\n%s", want, all)
		}
	}
	checked(t, "it with all that is commented out", all)
}

func TestConfigurationsInOperatingPassCheck(t *testing.T) {
	blocks := fenced(readFile(t, "docs/OPERATING.md"), "yaml")
	if len(blocks) < 2 {
		t.Fatalf("found %d configurations, want 2 or more", len(blocks))
	}
	for _, b := range blocks {
		checked(t, "of docs/OPERATING.md", b)
	}
}

func TestSecretsOfTheComposeFileAreThoseOfTheConfiguration(t *testing.T) {
	compose, script := readFile(t, "docker-compose.yml"), readFile(t, "deploy/promptness/secrets.sh")
	text := readFile(t, "deploy/promptness/promptness.yml")
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, path := range secretFile.FindAllString(line, -1) {
			name := filepath.Base(path)
			if !strings.Contains(compose, "\n  "+name+": {file: ./deploy/promptness/secrets/"+name+"}") {
				t.Errorf("docker-compose.yml has no secret %s", name)
			}
			if !regexp.MustCompile(`names=\(.*\b` + name + `\b.*\)`).MatchString(script) {
				t.Errorf("deploy/promptness/secrets.sh does not make %s", name)
			}
		}
	}
}

func TestPrometheusAndAlertmanagerTakeTheirShippedFiles(t *testing.T) {
	for _, args := range [][]string{
		{"promtool", "check", "config", "deploy/prometheus/prometheus.yml"},
		{"amtool", "check-config", "deploy/alertmanager/alertmanager.yml"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func TestAnAlertLabelledToBeMeasuredGoesToPromptnessAndToPeople(t *testing.T) {
	for labels, want := range map[string]string{
		"promptness=measure alertname=MalwareFound":                         "promptness,page",
		"alertname=DiskFull":                                                "page",
		"alertname=PromptnessDeadline incident=p-000035 promptness=measure": "page",
	} {
		args := append([]string{"config", "routes", "test", "--config.file=deploy/alertmanager/alertmanager.yml"}, strings.Fields(labels)...)
		cmd := exec.Command("amtool", args...)
		cmd.Dir = root
		out, err := cmd.Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("alert %s goes to %q (%v), want %q", labels, got, err, want)
		}
	}
}

// commandWords are a command of the program as a document says it.
var commandWords = regexp.MustCompile("(?m)(?:promptness |`)(record [a-z]+|incidents show|incidents list|(?:serve|demo|check|decisions|incidents|why|verify|healthcheck|version)\\b)")

func TestCommandsInDocumentsExist(t *testing.T) {
	help, err := run(t, t.TempDir(), "--help")
	if err != nil {
		t.Fatalf("help: %v", err)
	}
	found := map[string]bool{}
	for _, name := range []string{"README.md", "docs/OPERATING.md"} {
		for _, m := range commandWords.FindAllStringSubmatch(readFile(t, name), -1) {
			found[m[1]] = true
			if !strings.Contains(help, "\n  "+m[1]+" ") {
				t.Errorf("%s: promptness has no command %q", name, m[1])
			}
		}
	}
	if len(found) < 15 {
		t.Errorf("found %d commands, want 15 or more: %v", len(found), found)
	}
}

// fenced returns the blocks of code in lang, less the indent of each.
func fenced(text, lang string) []string {
	var all []string
	var block []string
	indent, in := "", false
	for _, line := range strings.Split(text, "\n") {
		bare := strings.TrimLeft(line, " ")
		switch {
		case !in && bare == "```"+lang:
			in, block, indent = true, nil, line[:len(line)-len(bare)]
		case in && bare == "```":
			in = false
			all = append(all, strings.Join(block, "\n")+"\n")
		case in:
			block = append(block, strings.TrimPrefix(line, indent))
		}
	}
	return all
}

func TestTheFirstWebhookOfOperatingOpensAnIncident(t *testing.T) {
	var curl string
	for _, b := range fenced(readFile(t, "docs/OPERATING.md"), "sh") {
		if strings.HasPrefix(b, "curl -i http://127.0.0.1:9421/in/local") {
			curl = b
		}
	}
	if curl == "" {
		t.Fatal("docs/OPERATING.md has no curl to the source local")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "promptness.yml"), []byte("listen: {webhooks: '127.0.0.1:0', admin: '127.0.0.1:0'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	built = true
	path, err := program()
	if err != nil {
		t.Fatalf("build program: %v", err)
	}
	serve := exec.Command(path, "serve", "--config", "promptness.yml")
	serve.Dir = dir
	var log bytes.Buffer
	serve.Stderr = &log
	out, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Signal(os.Interrupt) // it may have ended
		if err := serve.Wait(); err != nil {
			t.Errorf("serve: %v\n%s", err, &log)
		}
	})
	base := map[string]string{}
	for lines := bufio.NewScanner(out); len(base) < 2 && lines.Scan(); {
		for _, what := range []string{"webhooks", "metrics"} {
			if rest, ok := strings.CutPrefix(lines.Text(), what); ok {
				base[what] = regexp.MustCompile(`http://[0-9.:]+`).FindString(rest)
			}
		}
	}
	if len(base) < 2 {
		t.Fatalf("serve did not say where it listens\n%s", &log)
	}
	body := regexp.MustCompile(`(?s)-d '(.*)'`).FindStringSubmatch(curl)
	token, err := os.ReadFile(filepath.Join(dir, "promptness-data/secrets/local.token"))
	if err != nil || body == nil || !strings.Contains(curl, `"Authorization: Bearer $(cat promptness-data/secrets/local.token)"`) {
		t.Fatalf("token %v, curl %s: want the token of the first start and a body", err, curl)
	}
	req, err := http.NewRequest(http.MethodPost, base["webhooks"]+"/in/local", strings.NewReader(body[1]))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatalf("post = %v (%v), want 202", res, err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	eventually.Eventually(t, 20*time.Second, "incidents lists the overdue one", func() bool {
		got, err := run(t, dir, "incidents", "--server", base["metrics"])
		return err == nil && strings.Contains(got, "overdue")
	})
	if res, err = http.Get(base["metrics"] + "/readyz"); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("readyz = %v (%v), want 200", res, err)
	} else if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
}
