package web

import (
	"context"
	"net/http"

	"heliograph/access"
)

// Route is one address, and what somebody needs to be answered there.
type Route struct {
	Pattern string // of http.ServeMux
	Needs   access.Permission
}

// Identify says who asks, and gives the request on to the handler. ErrSignIn: nobody that we know.
type Identify func(r *http.Request) (access.Actor, *http.Request, error)

// Routes is a mux that lets nobody through who lacks the permission that a route needs. It is the one place where the
// console and the API check that: a route cannot be added without saying what it needs, and the list of all routes says
// so too.
type Routes struct {
	mux      http.ServeMux
	identify Identify
	refuse   func(w http.ResponseWriter, r *http.Request, err error)
	list     []Route
}

// NewRoutes makes a mux without routes. identify may be nil when all of them are open; refuse answers those who were not
// let through, with ErrSignIn, ErrForbidden or what identify failed with.
func NewRoutes(identify Identify, refuse func(w http.ResponseWriter, r *http.Request, err error)) *Routes {
	return &Routes{identify: identify, refuse: refuse}
}

// Handle adds a route. access.Open is asked of nobody, so its handler knows nobody either.
func (t *Routes) Handle(pattern string, needs access.Permission, h http.Handler) {
	if !needs.Known() {
		panic("web: route " + pattern + " needs a permission that there is not: " + string(needs))
	}
	t.list = append(t.list, Route{pattern, needs})
	if needs != access.Open {
		h = t.guard(needs, h)
	}
	t.mux.Handle(pattern, h)
}

func (t *Routes) guard(needs access.Permission, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, r2, err := t.identify(r)
		switch {
		case err != nil:
			t.refuse(w, r, err)
		case !actor.May(needs):
			t.refuse(w, r2, ErrForbidden)
		default:
			h.ServeHTTP(w, r2.WithContext(context.WithValue(r2.Context(), actorKey{}, actor)))
		}
	})
}

type actorKey struct{}

// ActorOf is who asks. Behind a route that is open it is nobody, who may nothing.
func ActorOf(ctx context.Context) access.Actor {
	if actor, ok := ctx.Value(actorKey{}).(access.Actor); ok {
		return actor
	}
	return access.Actor{Kind: access.ByNobody}
}

// Mount adds all routes of a face below a path that ends in a slash. What the face checks is its own affair.
func (t *Routes) Mount(below string, f Face) {
	t.list = append(t.list, f.Routes...)
	t.mux.Handle(below, f.Handler)
}

// All lists the routes in the order in which they were added.
func (t *Routes) All() []Route { return t.list }

func (t *Routes) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.mux.ServeHTTP(w, r) }

// Handler is that of http.ServeMux.
func (t *Routes) Handler(r *http.Request) (http.Handler, string) { return t.mux.Handler(r) }

// Mux knows which route answers a request.
type Mux interface {
	Handler(r *http.Request) (h http.Handler, pattern string)
}

// Face is what one part of the program answers, and the list of it.
type Face struct {
	http.Handler
	Routes []Route
}
