c.ServerApp.allow_origin = ""
c.ServerApp.terminals_enabled = False
