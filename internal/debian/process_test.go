package debian_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/internal/debian"
)

// A recorder keeps the text of a failure and ends the goroutine, as a test does.
type recorder struct {
	testing.TB
	text string
}

func (r *recorder) Helper()        {}
func (r *recorder) Cleanup(func()) {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.text = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failure returns the text with which a start fails.
func failure(t *testing.T, cfg debian.Server) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		debian.Start(r, cfg)
	}()
	<-done
	return r.text
}

func TestAServerThatIsNotInstalledFailsTheTestWithWhatToInstall(t *testing.T) {
	got := failure(t, debian.Server{Binary: "promptness-no-such-server", Package: "no-such-package"})
	want := "promptness-no-such-server is not installed: run make test, or apt-get install --no-install-recommends no-such-package"
	if got != want {
		t.Errorf("Start failed with %q, want %q", got, want)
	}
}

func TestAServerThatEndsFailsTheTestWithWhatItPrinted(t *testing.T) {
	got := failure(t, debian.Server{Binary: "sh", Args: []string{"-c", "echo no configuration >&2; exit 3"}, Ready: "http://" + debian.FreeAddr(t)})
	if !strings.Contains(got, "sh ended:\nno configuration") {
		t.Errorf("Start failed with %q, want what the server printed", got)
	}
}

func TestAServerRunsUntilItIsKilled(t *testing.T) {
	addr := debian.FreeAddr(t)
	p := debian.Start(t, debian.Server{Binary: "prometheus", Package: "prometheus", Args: []string{
		"--config.file=/dev/null", "--storage.tsdb.path=" + t.TempDir(), "--web.listen-address=" + addr,
	}, Ready: "http://" + addr + "/-/ready"})
	if p.Log() == "" {
		t.Error("Log() is empty, want what the server printed")
	}
	p.Kill()
	p.Kill()
	if status, _, err := debian.Get("http://" + addr + "/-/ready"); err == nil || status == http.StatusOK {
		t.Errorf("it answers %d after it was killed", status)
	}
	p.Restart()
	if status, _, err := debian.Get("http://" + addr + "/-/ready"); err != nil || status != http.StatusOK {
		t.Errorf("it answers %d, %v after it was started again", status, err)
	}
}
