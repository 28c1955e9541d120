package email

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"

	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// xoauth2 is the mechanism that Microsoft 365 takes tokens by. It is Google's
// and stands in no RFC.
const xoauth2 = "XOAUTH2"

// A bearerClient gives a token to a server, by XOAUTH2 or OAUTHBEARER. Both send
// one message, and both servers answer a bad token with a challenge in JSON that
// is to be answered, so that NO can follow. It is not: go-imap would send "=" for
// the empty answer that XOAUTH2 asks for, which is none. What it says is made an
// error, after which the connection must be dropped.
type bearerClient struct {
	mechanism string
	first     string // holds the token
}

var _ sasl.Client = (*bearerClient)(nil)

// newXOAuth2 returns a client of XOAUTH2, as Microsoft and Google document it.
func newXOAuth2(user string, token conf.Secret) *bearerClient {
	return &bearerClient{xoauth2, "user=" + user + "\x01auth=Bearer " + token.Reveal() + "\x01\x01"}
}

// newOAuthBearer returns a client of OAUTHBEARER, RFC 7628. address is host:port
// of the server.
func newOAuthBearer(user, address string, token conf.Secret) (*bearerClient, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		number = 0 // a name, such as imaps; the field may be left out
	}
	_, first, err := sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{
		// A comma ends the name there (RFC 5801 section 4).
		Username: strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user),
		Token:    token.Reveal(), Host: host, Port: number,
	}).Start()
	if err != nil {
		return nil, err
	}
	return &bearerClient{sasl.OAuthBearer, string(first)}, nil
}

// Start returns the one message.
func (c *bearerClient) Start() (mechanism string, initial []byte, err error) {
	return c.mechanism, []byte(c.first), nil
}

// Next makes an error of the challenge, which only a refusal has.
func (c *bearerClient) Next(challenge []byte) ([]byte, error) {
	e := &rejectedError{mechanism: c.mechanism}
	var said struct {
		Status string `json:"status"`
		Scope  string `json:"scope"`
	}
	if len(challenge) <= maxChallenge && json.Unmarshal(challenge, &said) == nil {
		e.status, e.scope = said.Status, said.Scope
	}
	return nil, e
}

// maxChallenge bounds what is read of a refusal.
const maxChallenge = 16 << 10

// A rejectedError says that the server took no token.
type rejectedError struct {
	mechanism     string
	status, scope string // as the server says; empty where it says nothing
}

// Error repeats the status, in quotes and cut.
func (e *rejectedError) Error() string {
	text := "the server rejected the token (" + e.mechanism
	if e.status != "" {
		text += ", status " + strconv.Quote(cut(e.status, maxSaid))
	}
	if e.scope != "" {
		text += ", scope " + strconv.Quote(cut(e.scope, maxSaid))
	}
	return text + ")"
}
