package outbound_test

import (
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

func TestOnlyAnAddressOfAReceiverIsAccepted(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  outbound.Config
		want string // in the error; empty if it is valid
	}{
		{"https", outbound.Config{URL: "https://am.example.org:9093/prefix"}, ""},
		{"http without credentials", outbound.Config{URL: "http://am.example.org"}, ""},
		{"http with credentials on loopback", outbound.Config{URL: "http://127.0.0.1:9093", BearerFile: "f"}, ""},
		{"the same by name", outbound.Config{URL: "http://localhost:9093", BearerFile: "f"}, ""},
		{"the same in IPv6", outbound.Config{URL: "http://[::1]:9093", BearerFile: "f"}, ""},
		{"http with credentials elsewhere", outbound.Config{URL: "http://am.example.org", BasicUser: "u", BasicPasswordFile: "f"}, "url: must begin with https://"},
		{"a name that only looks like loopback", outbound.Config{URL: "http://localhost.example.org", BearerFile: "f"}, "url: must begin with https://"},
		{"nothing", outbound.Config{}, "url: is missing"},
		{"no scheme", outbound.Config{URL: "am.example.org"}, "url: must begin with http:// or https://"},
		{"another scheme", outbound.Config{URL: "file:///etc/passwd"}, "url: must begin with http:// or https://"},
		{"no host", outbound.Config{URL: "http://:9093"}, "url: names no host"},
		{"a password in it", outbound.Config{URL: "https://u:p@am.example.org"}, "url: must hold no user name"},
		{"a query", outbound.Config{URL: "https://am.example.org/?token=1"}, "url: must end with the path"},
		{"what cannot be read", outbound.Config{URL: "http://[hush"}, "url: cannot be read"},
		{"two kinds of credentials", outbound.Config{URL: "https://am.example.org", BearerFile: "f", BasicUser: "u", BasicPasswordFile: "g"}, "bearer_file: cannot stand beside"},
		{"a user without a password", outbound.Config{URL: "https://am.example.org", BasicUser: "u"}, "basic_user: needs basic_password_file"},
		{"an authority for http", outbound.Config{URL: "http://am.example.org", CAFile: "f"}, "ca_file: is of no use"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.cfg.Validate()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Validate = %v, want nil", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Validate = %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("Validate = %v repeats an address that may hold a secret", err)
			}
		})
	}
}
