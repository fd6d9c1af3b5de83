package server

import (
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/dashboard"
	"github.com/symphony-messenger/symphony/httpapi"
)

// newDashboard makes the page for people, nil where it is off.
func newDashboard(c *config.Config) (*httpapi.Dashboard, error) {
	if !c.Dashboard.Enabled {
		return nil, nil
	}
	page, err := dashboard.Page(c.Dashboard.Path)
	if err != nil {
		return nil, err
	}
	return &httpapi.Dashboard{Path: c.Dashboard.Path, Page: page}, nil
}
