SELECT h.state, count(*) FROM handoff h GROUP BY h.state
