package natstest

import (
	"fmt"
)

// Partition cuts a server off from the other servers and from all clients:
// nothing arrives, and nobody is told. What is under way arrives after Heal.
func (c *Cluster) Partition(i int) { c.cutOff(c.servers[i].name, silent) }

// Sever is a partition that is noticed at once: connections are reset, and new
// ones refused.
func (c *Cluster) Sever(i int) { c.cutOff(c.servers[i].name, refused) }

// Heal ends the partition of every server and of every client.
func (c *Cluster) Heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.cuts)
	c.setLinks()
}

// HealServer ends the partition of one server.
func (c *Cluster) HealServer(i int) { c.cutOff(c.servers[i].name, passing) }

func (c *Cluster) cutOff(party string, how cut) {
	c.t.Helper()
	if !c.proxied {
		c.t.Fatalf("cut off %s: the cluster was started without Proxied", party)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cuts[party] = how
	c.setLinks()
}

// setLinks is called with mu held.
func (c *Cluster) setLinks() {
	for _, l := range c.links {
		l.set(c.between(l.from, l.to))
	}
}

// between returns the state of a link: the worse one of its ends. It is called
// with mu held, or before there is anyone else.
func (c *Cluster) between(from, to string) cut { return max(c.cuts[from], c.cuts[to]) }

func (c *Cluster) isCut(party string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts[party] != passing
}

// A Client is a party that reaches the servers over links of its own, and can be
// cut off from all of them.
type Client struct {
	c    *Cluster
	name string
	urls []string
}

// Client returns the party with a name; the same each time.
func (c *Cluster) Client(name string) *Client {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if cl, ok := c.clients[name]; ok {
		return cl
	}
	cl := &Client{c: c, name: name}
	for _, s := range c.servers {
		cl.urls = append(cl.urls, fmt.Sprintf("nats://%s", c.link(name, s, s.client)))
	}
	c.clients[name] = cl
	return cl
}

// URLs returns the addresses at which this client reaches the servers, in their
// order.
func (cl *Client) URLs() []string { return cl.urls }

// Partition cuts the client off from all servers, and nobody is told.
func (cl *Client) Partition() { cl.c.cutOff(cl.name, silent) }

// Sever resets the client's connections and refuses new ones.
func (cl *Client) Sever() { cl.c.cutOff(cl.name, refused) }

// Heal lets the client reach the servers again.
func (cl *Client) Heal() { cl.c.cutOff(cl.name, passing) }
