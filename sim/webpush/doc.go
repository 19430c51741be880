// Package webpush simulates the push service of a browser (RFC 8030) and the browser behind it: it gives out
// subscriptions, takes messages at their endpoints, checks who sent them (VAPID, RFC 8292), decrypts them as the browser
// would (RFC 8291), and remembers what it read.
//
//	GET /_sim/subscription?name=ana   a subscription as PushSubscription.toJSON gives it
//	POST /push/{name}                 a message to it
//
// Every name has a subscription, whose keys follow from the name and from the simulator's seed, so nothing has to be
// registered before. What fails on purpose are the magic names and what package control is asked for. Not imitated:
// receipts, storing until a browser comes back, and updates of a message by its Topic beyond what the page shows.
package webpush
