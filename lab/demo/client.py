"""One customer-facing process of the shop, as the database sees it: a mix of what shops do, checked at every step."""

import json
import random
import uuid

import pymysql

import shop
from session import Disappointed, Session
from values import normal

OWN_CUSTOMERS = 120
# The first statement's error of these kinds means that the server has rolled back and said so.
ROLLED_BACK = (1205, 1213, 1020)


class Client:
    """Owns some customers, and all orders and carts it makes: nobody else changes those rows, so it knows what they hold."""

    def __init__(self, number, clients, options, statements, ledger, board, errors):
        self.number = number
        self._clients = clients
        self._ledger = ledger
        self._board = board
        self._errors = errors
        self._random = random.Random(number)
        self._rate = options["rate"]
        self._options = options
        self._statements = statements
        # One in eight never uses autocommit, as some frameworks do.
        self.main = Session(options, statements, number, autocommit=number % 8 != 7)
        self.pooled = Session(options, statements, number)
        self.customers = {}
        self.orders = {}
        self.carts = {}
        self._order_no = 0
        self._seq = 0

    def run(self, stopping):
        """Works until told to stop. Every error is counted, the connections are replaced, and work goes on."""
        acts = [(self.read_own, 20), (self.read_of_others, 16), (self.read_range, 8), (self.edit_profile, 9), (self.edit_avatar, 3),
                (self.place_order, 12), (self.advance_order, 6), (self.delete_order, 3), (self.fill_cart, 7), (self.drop_cart, 4),
                (self.register, 2), (self.change_mind, 2), (self.visit_shortly, 1), (self.check_sessions, 2), (self.browse, 8)]
        names, weights = zip(*acts)
        ready = False
        while not stopping.is_set():
            try:
                if not ready:
                    self.adopt()
                    ready = True
                self._random.choices(names, weights)[0]()
            except (pymysql.Error, Disappointed, OSError) as error:
                self._errors.add(self.number, error)
                self.main.close()
                self.pooled.close()
            # An act is about four statements; a pause of random length keeps the clients apart.
            stopping.wait(4 / self._rate * self._random.uniform(0.5, 1.5))
        self.main.close()
        self.pooled.close()

    # ---- knowing what is there

    def adopt(self):
        """Reads the rows this client will own."""
        low, high = 1, self._options["customers"]
        ids = [n for n in range(low + (self.number - low) % self._clients, high + 1, self._clients)][:OWN_CUSTOMERS]
        rows = self.main.run("SELECT id, name, tier, credit, profile, avatar, version FROM customers WHERE id IN %s", (ids,))
        self.main.settle()
        self.customers = {row.pop("id"): row for row in rows}
        if len(self.customers) != len(ids):
            raise Disappointed(f"{len(self.customers)} of {len(ids)} customers found")

    def _perform(self, effects, act, *, remember, forget=()):
        """Writes the intent, acts, writes the outcome. remember() updates our knowledge after the acknowledgement."""
        number = self._ledger.intend(effects)
        try:
            act()
        except pymysql.Error as error:
            if error.args and error.args[0] in ROLLED_BACK:
                self._ledger.refused(number, error)
            else:
                self._ledger.unknown(number, error)
            for rows, key in forget:
                rows.pop(key, None)
            raise
        except Disappointed as error:
            self._ledger.unknown(number, error)
            for rows, key in forget:
                rows.pop(key, None)
            raise
        self._ledger.acknowledged(number)
        remember()

    def _transaction(self, kind, amount, effects, statements, **after):
        """A transaction that leaves a line in the journal, told to us by LAST_INSERT_ID()."""
        self._seq += 1
        seq = self._seq
        session = self.main
        key = {"client": self.number, "seq": seq}
        effects = effects + [["put", "journal", key, {"kind": kind, "amount": amount}]]

        def act():
            session.run("BEGIN")
            statements(session)
            session.write("INSERT INTO journal (client, seq, kind, amount, at) VALUES (%s, %s, %s, %s, NOW(6))", (self.number, seq, kind, amount))
            told = session.inserted_id
            asked = session.run("SELECT LAST_INSERT_ID() AS id")[0]["id"]
            if told != asked:
                raise Disappointed(f"LAST_INSERT_ID() is {asked}, the server's answer to the INSERT said {told}")
            session.run("COMMIT")

        self._perform(effects, act, **after)

    def _some_customer(self):
        return self._random.choice(list(self.customers))

    def _compare(self, what, rows, expected):
        if len(rows) != 1 or any(rows[0][name] != value for name, value in expected.items()):
            raise Disappointed(f"{what} reads {rows} and was acknowledged as {expected}")

    # ---- reading

    def read_own(self):
        key = self._some_customer()
        session = self._random.choice((self.main, self.pooled))
        expected = dict(self.customers[key])
        rows = session.run("SELECT name, tier, credit, profile, avatar, version FROM customers WHERE id = %s", (key,))
        session.settle()
        self._compare(f"customer {key}", rows, expected)

    def read_of_others(self):
        """Rows that another client had an acknowledgement for before this read began."""
        noted = self._board.pick(self._random)
        if noted is None:
            return
        table, key, version = noted
        condition = " AND ".join(f"{name} = %s" for name in key)
        session = self._random.choice((self.main, self.pooled))
        rows = session.run(f"SELECT version FROM {table} WHERE {condition}", tuple(key.values()))
        session.settle()
        if version is None:
            if rows:
                raise Disappointed(f"stale read: {table} {key} is still there, its deletion was acknowledged before")
        elif not rows:
            # A deletion takes its row off the board before it begins.
            if self._board.version(table, key) is not None:
                raise Disappointed(f"stale read: {table} {key} is not there, version {version} was acknowledged before")
        elif rows[0]["version"] < version:
            raise Disappointed(f"stale read: {table} {key} has version {rows[0]['version']}, {version} was acknowledged before")

    def read_range(self):
        if not self.orders:
            return self.browse()
        key = self._random.choice(list(self.orders))
        order = self.orders[key]
        rows = self.pooled.run(
            "SELECT o.status, o.total, o.version, COUNT(i.line) AS line_count, SUM(i.quantity * i.price) AS worth FROM orders o "
            "JOIN order_items i ON i.region = o.region AND i.order_no = o.order_no WHERE o.region = %s AND o.order_no = %s "
            "GROUP BY o.status, o.total, o.version", key)
        self._compare(f"order {key}", rows, {"status": order["status"], "version": order["version"], "line_count": order["lines"], "total": order["total"]})
        if rows[0]["worth"] != rows[0]["total"]:
            raise Disappointed(f"order {key} totals {rows[0]['total']} and its items are worth {rows[0]['worth']}")

    def browse(self):
        category = self._random.choice(("books", "music", "garden", "sports", "travel", "food"))
        low = self._random.randrange(900)
        rows = self.pooled.run("SELECT sku, title, price FROM products WHERE category = %s AND price BETWEEN %s AND %s ORDER BY price, sku LIMIT 20",
                               (category, low, low + 20))
        if rows != sorted(rows, key=lambda row: (float(row["price"]), row["sku"])):
            raise Disappointed("products came back in the wrong order")

    def check_sessions(self):
        self.main.check_state()
        self.pooled.check_state()

    # ---- writing

    def edit_profile(self):
        """One statement with autocommit, then read through another connection of the pool."""
        key = self._some_customer()
        row = dict(self.customers[key])
        profile = {"visits": self._random.randrange(10_000), "motto": self._random.choice(["più", "„zitiert“", "🚀 to the 🌙", "it's \\ \"quoted\""]),
                   "lists": [self._random.randrange(9) for _ in range(self._random.randrange(6))]}
        tier = self._random.choice(("bronze", "silver", "gold", "platinum"))
        row.update(profile=profile, tier=tier, version=row["version"] + 1)

        def act():
            self.main.write("UPDATE customers SET profile = %s, tier = %s, seen_at = NOW(), version = version + 1 WHERE id = %s",
                            (json.dumps(profile, ensure_ascii=False), tier, key))
            self.main.settle()

        self._perform([["put", "customers", {"id": key}, {"profile": profile, "tier": tier, "version": row["version"]}]], act,
                      remember=lambda: self._know_customer(key, row), forget=[(self.customers, key)])
        rows = self.pooled.run("SELECT tier, profile, version FROM customers WHERE id = %s", (key,))
        self._compare(f"customer {key} on another connection", rows, {name: row[name] for name in ("tier", "profile", "version")})

    def edit_avatar(self):
        key = self._some_customer()
        row = dict(self.customers[key])
        avatar = self._random.randbytes(self._random.randrange(4_000))
        row.update(avatar=normal("avatar", avatar), version=row["version"] + 1)

        def act():
            self.main.write("UPDATE customers SET avatar = %s, version = version + 1 WHERE id = %s", (avatar, key))
            self.main.settle()

        self._perform([["put", "customers", {"id": key}, {"avatar": row["avatar"], "version": row["version"]}]], act,
                      remember=lambda: self._know_customer(key, row), forget=[(self.customers, key)])

    def place_order(self):
        """Locks what others lock too, first and in one order, as a careful application does."""
        customer = self._some_customer()
        row = dict(self.customers[customer])
        self._order_no += 1
        key = (1 + self._random.randrange(shop.REGIONS), 10_000_000 * (self.number + 1) + self._order_no)
        lines = [(sku, self._random.randrange(1, 5), f"{self._random.randrange(100, 5_000) / 100:.2f}")
                 for sku in sorted(self._random.sample(shop.HOT_PRODUCTS, self._random.randrange(1, 4)))]
        cents = sum(quantity * round(float(price) * 100) for _, quantity, price in lines)
        total = f"{cents // 100}.{cents % 100:02}"
        credit = round(float(row["credit"]) * 100) - cents
        row.update(credit=f"{'-' if credit < 0 else ''}{abs(credit) // 100}.{abs(credit) % 100:02}", version=row["version"] + 1)
        meta = {"channel": self._random.choice(("web", "app")), "lines": len(lines)}
        order = {"region": key[0], "order_no": key[1]}

        def statements(session):
            for sku, quantity, _ in lines:
                stock = session.run("SELECT stock FROM products WHERE sku = %s FOR UPDATE", (sku,))
                if not stock or stock[0]["stock"] < quantity:
                    raise Disappointed(f"{sku} is out of stock: {stock}")
                session.write("UPDATE products SET stock = stock - %s, sold = sold + %s WHERE sku = %s", (quantity, quantity, sku))
            session.write("INSERT INTO orders (region, order_no, customer_id, total, placed_at, note, meta) VALUES (%s, %s, %s, %s, NOW(6), %s, %s)",
                          (*key, customer, total, "Bitte klingeln 🔔", json.dumps(meta)))
            session.write("INSERT INTO order_items (region, order_no, line, sku, quantity, price) VALUES " + ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(lines)),
                          [value for n, line in enumerate(lines, 1) for value in (*key, n, *line)], rows=len(lines))
            session.write("UPDATE customers SET credit = credit - %s, version = version + 1 WHERE id = %s", (total, customer))

        effects = [["add", "products", {"sku": sku}, "sold", quantity] for sku, quantity, _ in lines]
        effects += [["put", "orders", order, {"customer_id": customer, "total": total, "status": "new", "meta": meta, "version": 0}],
                    ["put", "customers", {"id": customer}, {"credit": row["credit"], "version": row["version"]}]]
        effects += [["put", "order_items", {**order, "line": n}, {"sku": sku, "quantity": quantity, "price": price}]
                    for n, (sku, quantity, price) in enumerate(lines, 1)]

        def remember():
            self._know_customer(customer, row)
            self.orders[key] = {"status": "new", "total": total, "version": 0, "lines": len(lines)}
            self._board.note("orders", order, 0)

        self._transaction("order", total, effects, statements, remember=remember, forget=[(self.customers, customer)])
        self.read_order_elsewhere(key)

    def read_order_elsewhere(self, key):
        rows = self.pooled.run("SELECT status, total, version FROM orders WHERE region = %s AND order_no = %s", key)
        self._compare(f"order {key} on another connection", rows, {name: self.orders[key][name] for name in ("status", "total", "version")})

    def advance_order(self):
        if not self.orders:
            return self.place_order()
        key = self._random.choice(list(self.orders))
        order = dict(self.orders[key])
        order.update(status=self._random.choice(("paid", "shipped", "returned")), version=order["version"] + 1)
        named = {"region": key[0], "order_no": key[1]}

        def statements(session):
            rows = session.run("SELECT status, total, version FROM orders WHERE region = %s AND order_no = %s FOR UPDATE", key)
            self._compare(f"locked order {key}", rows, {name: self.orders[key][name] for name in ("status", "total", "version")})
            session.run("SAVEPOINT before_change")
            session.write("UPDATE orders SET status = 'new', version = version + 100 WHERE region = %s AND order_no = %s", key)
            session.run("ROLLBACK TO SAVEPOINT before_change")
            session.write("UPDATE orders SET status = %s, changed_at = NOW(3), version = version + 1 WHERE region = %s AND order_no = %s", (order["status"], *key))

        def remember():
            self.orders[key] = order
            self._board.note("orders", named, order["version"])

        self._transaction("advance", order["total"], [["put", "orders", named, {"status": order["status"], "version": order["version"]}]],
                          statements, remember=remember, forget=[(self.orders, key)])

    def delete_order(self):
        """Its items go with it, by the foreign key."""
        if len(self.orders) < 3:
            return self.place_order()
        key = self._random.choice(list(self.orders))
        order = self.orders[key]
        named = {"region": key[0], "order_no": key[1]}

        def statements(session):
            self._board.forget("orders", named)
            session.write("DELETE FROM orders WHERE region = %s AND order_no = %s", key)

        def remember():
            del self.orders[key]
            self._board.note("orders", named, None)

        self._transaction("delete", order["total"], [["del", "orders", named]] + [["del", "order_items", {**named, "line": n}] for n in range(1, order["lines"] + 1)],
                          statements, remember=remember, forget=[(self.orders, key)])
        rows = self.pooled.run("SELECT COUNT(*) AS rows_left FROM order_items WHERE region = %s AND order_no = %s", key)
        if rows[0]["rows_left"]:
            raise Disappointed(f"{rows[0]['rows_left']} items of deleted order {key} are left")

    def fill_cart(self):
        if self.carts and self._random.random() < 0.5:
            token = self._random.choice(list(self.carts))
            version = self.carts[token] + 1
        else:
            token, version = str(uuid.UUID(int=self._random.getrandbits(128))), 0
        content = {"items": [self._random.randrange(100) for _ in range(self._random.randrange(5))], "coupon": None}

        def act():
            if version == 0:
                self.main.write("INSERT INTO carts (token, customer_id, content, fingerprint, updated_at) VALUES (%s, %s, %s, %s, NOW(3))",
                                (token, self._some_customer(), json.dumps(content), self._random.randbytes(16)))
            else:
                self.main.write("UPDATE carts SET content = %s, updated_at = NOW(3), version = version + 1 WHERE token = %s", (json.dumps(content), token))
            self.main.settle()

        def remember():
            self.carts[token] = version
            self._board.note("carts", {"token": token}, version)

        self._perform([["put", "carts", {"token": token}, {"content": content, "version": version}]], act, remember=remember, forget=[(self.carts, token)])
        rows = self.pooled.run("SELECT content, version FROM carts WHERE token = %s", (token,))
        self._compare(f"cart {token} on another connection", rows, {"content": content, "version": version})

    def drop_cart(self):
        if not self.carts:
            return self.fill_cart()
        token = self._random.choice(list(self.carts))

        def act():
            self._board.forget("carts", {"token": token})
            self.main.write("DELETE FROM carts WHERE token = %s", (token,))
            self.main.settle()

        def remember():
            del self.carts[token]
            self._board.note("carts", {"token": token}, None)

        self._perform([["del", "carts", {"token": token}]], act, remember=remember, forget=[(self.carts, token)])

    def register(self):
        """A customer of the server's own numbering."""
        email = f"new-{self.number}-{self._random.getrandbits(64):x}@shop.example"
        session = self.main

        def act():
            session.write("INSERT INTO customers (email, name, registered_at, profile) VALUES (%s, %s, NOW(6), %s)", (email, "Neu 🆕", '{"visits": 0}'))
            told = session.inserted_id
            asked = session.run("SELECT LAST_INSERT_ID() AS id")[0]["id"]
            session.settle()
            found = self.pooled.run("SELECT id FROM customers WHERE email = %s", (email,))
            if not told == asked == (found and found[0]["id"]):
                raise Disappointed(f"the new customer's id is {told}, LAST_INSERT_ID() says {asked}, another connection reads {found}")

        self._perform([["put", "customers", {"email": email}, {"name": "Neu 🆕", "profile": {"visits": 0}, "version": 0}]], act, remember=lambda: None)

    def change_mind(self):
        """A transaction that is rolled back leaves nothing."""
        key = self._some_customer()
        session = self.main
        session.run("BEGIN")
        session.write("UPDATE customers SET name = 'never', version = version + 1000 WHERE id = %s", (key,))
        seen = session.run("SELECT version FROM customers WHERE id = %s", (key,))
        session.run("ROLLBACK")
        if seen[0]["version"] != self.customers[key]["version"] + 1000:
            raise Disappointed(f"customer {key}: a transaction does not see its own change")
        rows = self.pooled.run("SELECT name, version FROM customers WHERE id = %s", (key,))
        self._compare(f"customer {key} after a rollback", rows, {name: self.customers[key][name] for name in ("name", "version")})

    def visit_shortly(self):
        """A connection for one page view, as PHP does it."""
        visit = Session(self._options, self._statements, self.number)
        try:
            key = self._some_customer()
            rows = visit.open().run("SELECT version FROM customers WHERE id = %s", (key,))
            self._compare(f"customer {key} on a new connection", rows, {"version": self.customers[key]["version"]})
        finally:
            visit.close()

    def _know_customer(self, key, row):
        self.customers[key] = row
        self._board.note("customers", {"id": key}, row["version"])
