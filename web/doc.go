// Package web is what the faces that speak HTTP share: handlers that return errors and the one table from error to
// status, security headers, sessions, the request log and metrics, limits, compression and assets.
//
// A face builds its own mux and wraps it once:
//
//	web.Chain(mux, web.Observe(...), web.SecurityHeaders, web.Compress, web.Recover(fail), web.SameOrigin(fail), web.LimitBody(n))
//
// Nothing here knows a page or a resource.
package web
