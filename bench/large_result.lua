-- One query of about 4 MB: 20,000 rows of sysbench's own table.
require("oltp_common")

function prepare_statements()
end

function event()
   con:query("SELECT id, k, c, pad FROM sbtest1 WHERE id <= 20000")
end
