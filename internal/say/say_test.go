package say_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/say"
)

func TestAnErrorIsSaidOnceWithItsHints(t *testing.T) {
	disk := say.WithHint(errors.New("no space left"), "free some space")
	for _, tt := range []struct {
		name string
		err  error
		want string
		code int
	}{
		{"nothing", nil, "", say.Done},
		{"one", errors.New("open store: no such file"), "error: open store: no such file\n", say.CouldNot},
		{"with a hint", fmt.Errorf("append: %w", disk), "error: append: no space left\nhint: free some space\n", say.CouldNot},
		{
			"several, with one hint for two", errors.Join(fmt.Errorf("a: %w", disk), fmt.Errorf("b: %w", disk), errors.New("c")),
			"error: a: no space left\n       b: no space left\n       c\nhint: free some space\n", say.CouldNot,
		},
		{"misused", fmt.Errorf("record: %w", say.Usage("no such flag %s", "--x")), "error: record: no such flag --x\n", say.Misused},
		{"misused among others", errors.Join(errors.New("a"), &say.UsageError{Err: errors.New("b"), Do: "c"}), "error: a\n       b\nhint: c\n", say.Misused},
		{"a hint of two lines", say.WithHint(errors.New("a"), "b\nc"), "error: a\nhint: b\n      c\n", say.CouldNot},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if code := say.Error(&out, tt.err); code != tt.code || out.String() != tt.want {
				t.Errorf("Error(%v) = %d, says %q, want %d, %q", tt.err, code, out.String(), tt.code, tt.want)
			}
		})
	}
	if say.WithHint(nil, "x") != nil {
		t.Error("WithHint makes an error of none")
	}
}

func TestProgressIsSilentForASecondAndThenPlainWithoutATerminal(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var out bytes.Buffer
		p := say.Start(&out, "verify the record", 0)
		for range 35 {
			p.Set(7, 20)
			bubble.Advance(time.Second)
		}
		p.Set(20, 20)
		p.Stop()
		p.Stop()
		p.Set(21, 20) // comes after the end: says nothing
		want := "verify the record: 7 of 20 after 1s\nverify the record: 7 of 20 after 11s\nverify the record: 7 of 20 after 21s\nverify the record: 7 of 20 after 31s\n"
		if out.String() != want {
			t.Errorf("it says\n%swant\n%s", out.String(), want)
		}
		synctest.Wait()
	})
}

func TestQuickWorkSaysNothing(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var out bytes.Buffer
		p := say.Start(&out, "verify the record", 9)
		bubble.Advance(999 * time.Millisecond)
		p.Set(9, 9)
		p.Tick()
		p.Stop()
		if out.Len() != 0 {
			t.Errorf("it says %q, want nothing", out.String())
		}
	})
}

func TestWhatIsNoTerminalIsKnown(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if say.Terminal(f) || say.Terminal(&strings.Builder{}) {
		t.Error("a file or a buffer is taken for a terminal")
	}
}
