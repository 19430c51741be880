package fleet

// GroupID is given by the caller, or made when a group comes into being by its name.
type GroupID string

// Group is a fixed set of devices and people.
type Group struct {
	Key         int64 // the database's own key; 0 before it is stored
	ID          GroupID
	Name        string // unique
	Description string
	Devices     int64 // how many devices are in it; set when listed
	Users       int64 // how many people are in it; set when listed
}

// Check finds everything that is wrong with the group.
func (g Group) Check() []Problem {
	c := checker{}
	c.id("id", string(g.ID))
	if g.Name == "" {
		c.add("name", "is required")
	}
	c.text("name", g.Name)
	c.limited("description", g.Description, maxValue)
	return c.found
}
