"""The shop: its tables, its first rows, and how many of each there are."""

import threading

SCHEMA = "shop"

# Share of all rows that each table gets, in an order that foreign keys allow.
SHARES = {"customers": 0.15, "products": 0.05, "carts": 0.05, "orders": 0.25, "order_items": 0.50}
REGIONS = 20
# Products every client buys, so that clients wait for each other's row locks.
HOT_PRODUCTS = [f"HOT-{n:02}" for n in range(1, 9)]
ROWS_PER_INSERT = 5_000


class Dialect:
    """What a server version lets a table be."""

    def __init__(self, name):
        old = name == "mysql-5.6"
        self.json = "LONGTEXT" if old else "JSON"
        self.has_generated = not old


def create_statements(dialect):
    generated = dialect.has_generated

    def column(text):
        return f"  {text},\n" if generated else ""

    json = dialect.json
    return [
        f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        f"USE {SCHEMA}",
        f"""CREATE TABLE customers (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  email VARCHAR(120) NOT NULL,
  name VARCHAR(80) NOT NULL,
  tier ENUM('bronze','silver','gold','platinum') NOT NULL DEFAULT 'bronze',
  interests SET('books','music','garden','sports','travel','food') NOT NULL DEFAULT '',
  credit DECIMAL(12,2) NOT NULL DEFAULT 0,
  points DECIMAL(38,10) NOT NULL DEFAULT 0,
  birthday DATE NULL,
  registered_at DATETIME(6) NOT NULL,
  seen_at TIMESTAMP NULL DEFAULT NULL,
  profile {json} NULL,
  avatar BLOB NULL,
{column("is_valued TINYINT GENERATED ALWAYS AS (credit >= 1000) STORED")}{column(
    "initial VARCHAR(1) GENERATED ALWAYS AS (LEFT(name, 1)) VIRTUAL")}  version INT UNSIGNED NOT NULL DEFAULT 0,
  UNIQUE KEY customers_email (email),
  KEY customers_tier (tier, registered_at)
) ENGINE=InnoDB""",
        f"""CREATE TABLE products (
  sku VARCHAR(32) NOT NULL PRIMARY KEY,
  title VARCHAR(120) NOT NULL,
  description TEXT NULL,
  category ENUM('books','music','garden','sports','travel','food') NOT NULL,
  price DECIMAL(12,2) NOT NULL,
  weight DOUBLE NULL,
  rating FLOAT NULL,
  stock INT NOT NULL,
  sold BIGINT NOT NULL DEFAULT 0,
  flags BIT(8) NOT NULL DEFAULT b'0',
  since_year YEAR NULL,
  released DATE NULL,
  attributes {json} NULL,
  image BLOB NULL,
{column("gross DECIMAL(14,4) GENERATED ALWAYS AS (price * 1.19) STORED")}  version INT UNSIGNED NOT NULL DEFAULT 0,
  KEY products_category (category, price)
) ENGINE=InnoDB""",
        f"""CREATE TABLE carts (
  token CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  customer_id BIGINT UNSIGNED NOT NULL,
  content {json} NOT NULL,
  fingerprint VARBINARY(64) NULL,
  opens_at TIME(3) NULL,
  updated_at DATETIME(3) NOT NULL,
  version INT UNSIGNED NOT NULL DEFAULT 0,
  KEY carts_customer (customer_id)
) ENGINE=InnoDB""",
        f"""CREATE TABLE orders (
  region SMALLINT UNSIGNED NOT NULL,
  order_no BIGINT UNSIGNED NOT NULL,
  customer_id BIGINT UNSIGNED NOT NULL,
  status ENUM('new','paid','shipped','returned') NOT NULL DEFAULT 'new',
  total DECIMAL(12,2) NOT NULL,
  exchange_rate DECIMAL(30,15) NOT NULL DEFAULT 1,
  placed_at DATETIME(6) NOT NULL,
  changed_at TIMESTAMP(3) NULL DEFAULT NULL,
  note VARCHAR(200) NULL,
  meta {json} NULL,
  version INT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (region, order_no),
  KEY orders_customer (customer_id, placed_at),
  CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)
) ENGINE=InnoDB""",
        """CREATE TABLE order_items (
  region SMALLINT UNSIGNED NOT NULL,
  order_no BIGINT UNSIGNED NOT NULL,
  line SMALLINT UNSIGNED NOT NULL,
  sku VARCHAR(32) NOT NULL,
  quantity INT UNSIGNED NOT NULL,
  price DECIMAL(12,2) NOT NULL,
  gift_note VARCHAR(120) NULL,
  PRIMARY KEY (region, order_no, line),
  KEY order_items_sku (sku),
  CONSTRAINT order_items_order FOREIGN KEY (region, order_no) REFERENCES orders (region, order_no) ON DELETE CASCADE,
  CONSTRAINT order_items_sku FOREIGN KEY (sku) REFERENCES products (sku)
) ENGINE=InnoDB""",
        # One row for every transaction of the workload, so that a transaction's outcome can be told afterwards.
        """CREATE TABLE journal (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  client SMALLINT UNSIGNED NOT NULL,
  seq INT UNSIGNED NOT NULL,
  kind VARCHAR(20) NOT NULL,
  amount DECIMAL(12,2) NOT NULL,
  at DATETIME(6) NOT NULL,
  UNIQUE KEY journal_client (client, seq)
) ENGINE=InnoDB""",
    ]


# Rows are made by the server itself out of their number n. A multiplication by a large odd number modulo a prime
# spreads n enough; hash functions differ between the versions.
_SPREAD = "(({n} * 2654435761) % 4294967291)"
_NAMES = ["Zoë Fuchs 🦊", "李小龙", "Ana Peña", "O'Connor \\\\ Söhne", "Ольга Иванова", "Renée ☕", "محمد علي", "Ada Lovelace 💻"]


def _names(number):
    values = ", ".join("'" + name.replace("'", "''") + "'" for name in _NAMES)
    return f"CONCAT(ELT(1 + {number} % {len(_NAMES)}, {values}), ' ', {number})"


def _blob(number, chunks):
    one = f"UNHEX(LPAD(HEX({_SPREAD.format(n=number)}), 8, '0'))"
    return f"IF({number} % 11 = 0, NULL, REPEAT(CONCAT({one}, CHAR({number} % 256), '\\0\\'\\\\'), 1 + {number} % {chunks}))"


def _sku(number):
    return f"CONCAT(ELT(1 + {number} % 4, 'BK', 'MU', 'GD', 'SP'), '-', LPAD({number}, 8, '0'))"


def insert_statement(table, counts, start, end):
    """The statement that makes rows start … end − 1 of a table. n counts from 0."""
    digits = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 " \
             "UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
    size = end - start
    assert size <= 10_000
    numbers = f"(SELECT {start} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d n FROM {digits} a, {digits} b, {digits} c, {digits} e " \
              f"WHERE a.d + 10 * b.d + 100 * c.d + 1000 * e.d < {size} ORDER BY n) numbers"
    spread = _SPREAD.format(n="n")
    orders = counts["orders"]
    items_each = max(1, -(-counts["order_items"] // orders))
    columns, values = {
        "customers": (
            "id, email, name, tier, interests, credit, points, birthday, registered_at, seen_at, profile, avatar",
            f"n + 1, CONCAT('customer', n + 1, '@shop.example'), {_names('n')}, 1 + n % 4, n % 64, ({spread} % 2000000) / 100, "
            f"CONCAT({spread}, '.', LPAD(n % 10000000000, 10, '0')), IF(n % 7 = 0, NULL, '1950-01-01' + INTERVAL {spread} % 20000 DAY), "
            f"'2020-02-29 23:59:59.123456' + INTERVAL {spread} % 100000000 SECOND + INTERVAL n MICROSECOND, "
            f"IF(n % 5 = 0, NULL, '2024-01-01 00:00:00' + INTERVAL {spread} % 30000000 SECOND), "
            f"""IF(n % 13 = 0, NULL, CONCAT('{{"visits": ', {spread} % 1000, ', "tags": ["a", "ü", "🛒"], "nested": {{"n": ', n, '}}}}')), """
            f"{_blob('n', 40)}"),
        "products": (
            "sku, title, description, category, price, weight, rating, stock, flags, since_year, released, attributes, image",
            f"{_sku('n')}, CONCAT('Product ', n, ELT(1 + n % 3, '', ' – größer', ' 🎁')), "
            f"IF(n % 9 = 0, NULL, REPEAT(CONCAT('Line ', n, ' of a description. '), 1 + n % 8)), 1 + n % 6, (1 + {spread} % 99999) / 100, "
            f"IF(n % 10 = 0, NULL, {spread} / 7), IF(n % 10 = 1, NULL, (n % 50) / 10), 1000000, n % 256, 1970 + n % 100, "
            f"'2000-01-01' + INTERVAL {spread} % 8000 DAY, "
            f"""CONCAT('{{"colour": "', ELT(1 + n % 3, 'red', 'grün', 'bleu'), '", "size": ', n % 50, ', "parts": [1, 2, {{"x": null}}]}}'), """
            f"{_blob('n', 60)}"),
        "carts": (
            "token, customer_id, content, fingerprint, opens_at, updated_at",
            f"CONCAT(LPAD(HEX({spread}), 8, '0'), '-0000-4000-8000-', LPAD(HEX(n), 12, '0')), 1 + {spread} % {counts['customers']}, "
            f"""CONCAT('{{"items": [', n % 9, ', ', n % 7, ']}}'), UNHEX(LPAD(HEX({spread}), 16, '0')), """
            f"SEC_TO_TIME(CAST(n % 80000 AS SIGNED) - 40000), "
            f"'2025-06-01 12:00:00.001' + INTERVAL n SECOND"),
        "orders": (
            "region, order_no, customer_id, status, total, exchange_rate, placed_at, changed_at, note, meta",
            f"1 + n % {REGIONS}, 1 + n DIV {REGIONS}, 1 + {spread} % {counts['customers']}, 1 + n % 4, ({spread} % 5000000) / 100, "
            f"CONCAT({spread} % 900 + 1, '.', LPAD(n, 15, '1')), '2023-03-26 02:30:00' + INTERVAL n SECOND + INTERVAL n MICROSECOND, "
            f"IF(n % 6 = 0, NULL, '2024-10-27 00:30:00' + INTERVAL n SECOND), IF(n % 4 = 0, NULL, CONCAT('Leave at the door № ', n, ' 🚪')), "
            f"""IF(n % 3 = 0, NULL, CONCAT('{{"channel": "', ELT(1 + n % 2, 'web', 'app'), '", "n": ', n, '}}'))"""),
        "order_items": (
            "region, order_no, line, sku, quantity, price, gift_note",
            f"1 + (n DIV {items_each}) % {REGIONS}, 1 + (n DIV {items_each}) DIV {REGIONS}, 1 + n % {items_each}, "
            f"{_sku('(' + spread + ' % ' + str(counts['products']) + ')')}, "
            f"1 + n % 9, ({spread} % 99999) / 100, IF(n % 8 = 0, CONCAT('Für dich 💝 ', n), NULL)"),
    }[table]
    return f"INSERT INTO {table} ({columns}) SELECT {values} FROM {numbers}"


def row_counts(rows):
    counts = {table: max(REGIONS, int(rows * share)) for table, share in SHARES.items()}
    # What rounding took away.
    counts["order_items"] += max(0, rows - sum(counts.values()))
    # Every item needs an order of its own number.
    counts["order_items"] = min(counts["order_items"], counts["orders"] * -(-counts["order_items"] // counts["orders"]))
    return counts


def load(connect, dialect, rows, progress):
    """Creates the shop and fills it over two connections. progress(rows so far) is called now and then."""
    counts = row_counts(rows)
    connection = connect()
    with connection.cursor() as cursor:
        for statement in create_statements(dialect):
            cursor.execute(statement)
    lock = threading.Lock()
    done = [0]
    errors = []

    def fill(tables):
        try:
            mine = connect()
            with mine.cursor() as cursor:
                cursor.execute(f"USE {SCHEMA}")
                cursor.execute("SET time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES'")
                for table in tables:
                    for start in range(0, counts[table], ROWS_PER_INSERT):
                        end = min(start + ROWS_PER_INSERT, counts[table])
                        cursor.execute(insert_statement(table, counts, start, end))
                        with lock:
                            done[0] += cursor.rowcount
                            progress(done[0])
            mine.close()
        except Exception as error:  # reported by the thread that waits
            errors.append(error)

    for group in [(["customers"], ["products", "carts"]), (["orders"], []), (["order_items"], [])]:
        threads = [threading.Thread(target=fill, args=(tables,), daemon=True) for tables in group if tables]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
    with connection.cursor() as cursor:
        for sku in HOT_PRODUCTS:
            cursor.execute("INSERT INTO products (sku, title, category, price, stock, attributes) VALUES (%s, %s, 'food', 9.99, 100000000, '{\"hot\": true}')",
                           (sku, f"Bestseller {sku} 🔥"))
            done[0] += 1
    connection.commit()
    connection.close()
    progress(done[0])
    return done[0]
