package outbound

import (
	"context"
	"time"
)

// SetTimeout shortens the time that one request may take.
func (c *Client) SetTimeout(d time.Duration) { c.http.Timeout = d }

// Guard is what judges an address before a connection is made.
func Guard(address string) error { return guard(context.TODO(), "tcp", address, nil) }
