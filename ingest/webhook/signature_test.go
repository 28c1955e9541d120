package webhook

import (
	"net/http"
	"testing"
	"time"
)

// What the vendors publish for everybody to test against: GitHub in "Validating
// webhook deliveries", Standard Webhooks in its specification.
func TestPublishedSignatures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		hmac   HMAC
		secret string
		header http.Header
		body   string
		now    time.Time
		want   bool
	}{
		{
			"GitHub", HMAC{Header: "X-Hub-Signature-256", Prefix: "sha256="}, "It's a Secret to Everybody",
			http.Header{"X-Hub-Signature-256": {"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}},
			"Hello, World!", time.Time{}, true,
		},
		{
			"Standard Webhooks", HMAC{}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			http.Header{
				"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"},
				"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
			},
			`{"test": 2432232314}`, time.Unix(1614265330+300, 0), true,
		},
		{
			"Standard Webhooks, beside a signature of another version", HMAC{}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			http.Header{
				"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"},
				"Webhook-Signature": {"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5B3v1,xx== v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
			},
			`{"test": 2432232314}`, time.Unix(1614265330-300, 0), true,
		},
		{
			"Standard Webhooks, a second too late", HMAC{}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			http.Header{
				"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"},
				"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
			},
			`{"test": 2432232314}`, time.Unix(1614265330+301, 0), false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := newSignature(tt.hmac.filled(), []string{tt.secret})
			if err != nil {
				t.Fatal(err)
			}
			if got := s.verify(tt.header, []byte(tt.body), tt.now); got != tt.want {
				t.Errorf("verify = %v, want %v", got, tt.want)
			}
		})
	}
}
