package stream_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

func TestDefaultIsValid(t *testing.T) {
	if err := stream.Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateNamesEveryProblem(t *testing.T) {
	cfg := stream.Config{Tenant: "A b", Replicas: 2, MinFree: -1}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("Validate accepted it")
	}
	for _, field := range []string{"tenant:", "replicas:", "max_bytes.signals:", "max_bytes.ledger:", "max_bytes.deliveries:",
		"max_bytes.positions:", "max_bytes.evidence:", "max_signal:", "min_free:", "timeout:"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("Validate does not name %s in:\n%v", field, err)
		}
	}
}

func TestSizesHaveUnits(t *testing.T) {
	for text, want := range map[string]stream.Bytes{
		"0": 0, "1024": stream.KiB, "512KiB": 512 * stream.KiB, "64 MiB": 64 * stream.MiB, "8GiB": 8 * stream.GiB, "2TiB": 2 * stream.TiB,
	} {
		var got stream.Bytes
		if err := yaml.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%q = %d, %v, want %d", text, got, err, want)
		}
		var again stream.Bytes
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%q written as %q and read again = %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "1.5GiB", "8GB", "9223372036854775807KiB", "99999999999999999999"} {
		var got stream.Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q = %d, want an error", text, got)
		}
	}
}
