package incident_test

import (
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
)

func TestOnlyOurOwnStampIsOurs(t *testing.T) {
	pepper := func(s string) incident.Pepper {
		p, err := incident.NewPepper([]byte(strings.Repeat(s, incident.MinPepper)))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ours, other := pepper("a"), pepper("b")
	id := incident.NewAlertID(incident.NewRef(4711), "pol-imp-002", incident.Deadline, 2)
	stamp := ours.Stamp(id)
	if got, ok := ours.Stamped(" " + stamp + "\r\n"); !ok || got != id {
		t.Errorf("Stamped(%q) = %q, %v, want %q", stamp, got, ok, id)
	}
	for name, forged := range map[string]string{
		"another's":                         other.Stamp(id),
		"without a signature":               string(id),
		"with an empty signature":           string(id) + ";",
		"of another alert":                  strings.Replace(stamp, "/2;", "/1;", 1),
		"of another kind of mark":           string(id) + ";" + ours.Observer(string(id)).String(),
		"cut":                               stamp[:len(stamp)-1],
		"longer":                            stamp + "A",
		"of nothing":                        "",
		"of an empty id":                    ours.Stamp(""),
		"longer than any that we ever make": ours.Stamp(incident.AlertID(strings.Repeat("x", 600))),
	} {
		if ours.Ours(forged) {
			t.Errorf("a stamp %s is taken for our own: %q", name, forged)
		}
	}
}
