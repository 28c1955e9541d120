package dovecot

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// StartWithTokens is Start for a server that takes tokens besides, by XOAUTH2
// and OAUTHBEARER. It asks us about each, as RFC 7662 says; userOf returns whose
// a token is, "" for one that is nobody's.
func StartWithTokens(tb testing.TB, userOf func(token string) string) *Server {
	tb.Helper()
	t := &tokens{userOf: userOf}
	s := httptest.NewServer(t)
	tb.Cleanup(s.Close)
	t.url = s.URL
	return start(tb, t)
}

// TokensAsked returns the tokens that the server asked about, in order.
func (s *Server) TokensAsked() []string {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	return append([]string(nil), s.tokens.asked...)
}

// tokens is the endpoint at which a server looks into a token.
type tokens struct {
	userOf func(string) string
	url    string
	mu     sync.Mutex
	asked  []string
}

func (t *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("token")
	t.mu.Lock()
	t.asked = append(t.asked, token)
	t.mu.Unlock()
	user := t.userOf(token)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"active": user != "", "username": user, "scope": "imap", "token_type": "Bearer"})
}

func (t *tokens) configuration() string {
	return "introspection_mode = post\nintrospection_url = " + t.url + "/introspect\n" +
		"username_attribute = username\nactive_attribute = active\nactive_value = true\n" +
		"timeout_msecs = 5000\n"
}
