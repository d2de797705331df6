// Package noise is the people of one tenant who heed no limit: more sockets
// than the tenant may have, more answers than anybody may give, messages that
// are none, requests without a pause, and their key on the channel of another
// tenant. It counts what the nodes say to each of it.
package noise
