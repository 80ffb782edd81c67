--
-- demo.sql: a made-up bookshop, for script/demo.
--
-- 600 books in 12 genres, 3000 customers with two or three favourite genres each, about 100,000
-- purchases in two years.  Popularity is skewed as in a real shop: a few bestsellers, a long tail.
-- Nothing is drawn from random(): every number is a hash, so the shop is the same everywhere.
--
-- Tables: books, customers, purchases; for the evaluation purchases_train and purchases_test, the last
-- purchase of every customer; and shelves, a log of what customers were shown on the front page.
--

-- A number between 0 and 1 (neither of them) that depends on a key and nothing else.
CREATE FUNCTION draw(key text) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((hashtextextended(key, 0) & 4294967295)::double precision + 0.5::double precision) / 4294967296;

-- One line per genre: a title is the pattern with one word of each list.
CREATE TEMPORARY TABLE genres (genre text, pattern text, first text[], second text[]);
INSERT INTO genres VALUES
    ('crime', 'The %s %s', '{Silent,Second,Broken,Locked,Missing,Crooked,Last,Cold}',
     '{Harbour,Witness,Alibi,Detective,Verdict,Suspect,Corpse}'),
    ('fantasy', '%s of the %s', '{Daughter,Throne,Blade,Song,Ashes,Keeper,Prophecy,Queen}',
     '{Dragon,Elven Wood,Nine Towers,Winter King,Raven Gate,Last Mage,Sunken Isle}'),
    ('science fiction', '%s %s', '{Orbital,Quantum,Lunar,Synthetic,Martian,Stellar,Infinite,Distant}',
     '{Drift,Colony,Signal,Paradox,Exodus,Machine,Horizon}'),
    ('romance', '%s %s', '{A Kiss in,Falling for,Two Hearts in,The Wedding in,Letters from,Summer Love in,Back to,Dancing in}',
     '{Verona,Paris,Sweet Valley,the Highlands,Rose Cottage,Capri,Maple Street}'),
    ('history', '%s of %s', '{The Fall,A Short History,The Wars,The Merchants,The Kings,Daily Life,The Roads,The Sieges}',
     '{Rome,Byzantium,Carthage,Venice,the Hanse,Persia,the Vikings}'),
    ('cooking', 'The %s %s', '{Slow,Mediterranean,Vegetarian,Nordic,Weeknight,Spicy,Sunday,Frugal}',
     '{Kitchen,Table,Bread Book,Cookbook,Pantry,Pot,Oven}'),
    ('travel', '%s %s', '{On Foot through,By Train across,A Winter in,Slowly through,Alone in,By Bicycle across,A Year in,Notes from}',
     '{Patagonia,Anatolia,Lapland,Japan,the Sahara,Siberia,the Andes}'),
    ('nature', 'The %s of %s', '{Secret Life,Field Guide,Hidden World,Language,Wisdom,Migration,Quiet Lives,Return}',
     '{Owls,Beetles,Wild Bees,Wolves,Mosses,Whales,Salmon}'),
    ('business', '%s %s', '{Lean,Honest,Fearless,Simple,Radical,Practical,Agile,Smart}',
     '{Leadership,Pricing,Negotiation,Startups,Accounting,Marketing,Meetings}'),
    ('poetry', '%s and %s', '{Salt,Dusk,Feathers,Small Rain,Ink,Rust,Late Light,Thistles}',
     '{Silence,Other Poems,Honey,Stones,the Moon,Longing,Ash}'),
    ('horror', 'The %s in the %s', '{Whisper,Thing,Shadow,Scratching,Door,Hunger,Pale Face,Laughter}',
     '{Cellar,Attic,Marsh,Mirror,Walls,Old Asylum,Fog}'),
    ('children', 'The %s %s', '{Sleepy,Brave Little,Very Hungry,Dancing,Grumpy,Lost,Flying,Clever}',
     '{Hedgehog,Bear,Tractor,Penguin,Pirate,Pumpkin,Kitten}');

CREATE TABLE books (id int PRIMARY KEY, title text NOT NULL UNIQUE, genre text NOT NULL);
INSERT INTO books
SELECT row_number() OVER (ORDER BY draw('book ' || title)), title, genre
  FROM (SELECT genre, title,
               row_number() OVER (PARTITION BY genre ORDER BY draw('pick ' || title)) AS place
          FROM genres, unnest(first) a, unnest(second) b, format(pattern, a, b) AS title) AS titles
 WHERE place <= 50;

CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, favourites text[] NOT NULL);
INSERT INTO customers
SELECT id,
       given[1 + floor(draw('given ' || id) * cardinality(given))::int] || ' '
           || family[1 + floor(draw('family ' || id) * cardinality(family))::int],
       ARRAY(SELECT genre
               FROM genres
              ORDER BY draw('taste ' || id || ' ' || genre)
              LIMIT CASE WHEN draw('breadth ' || id) < 0.5 THEN 2 ELSE 3 END)
  FROM generate_series(1, 3000) AS id,
       (SELECT '{Ada,Amir,Astrid,Bea,Carlos,Chen,Clara,Daniel,Elif,Emma,Farid,Grace,Hanna,Hugo,Ines,Ivan,Jonas,Kofi,Lea,Liam,Lucia,Maja,Marek,Mei,Nadia,Noah,Olga,Oscar,Priya,Rosa,Sami,Sofia,Tara,Tom,Vera,Yuki}'::text[],
               '{Adeyemi,Andersen,Bauer,Berg,Brown,Castro,Costa,Dubois,Fischer,Garcia,Haddad,Hansen,Ito,Jansen,Kaya,Khan,Kowalski,Laine,Lopez,Martin,Mensah,Moreau,Murphy,Nakamura,Novak,Okafor,Patel,Petrov,Quinn,Rossi,Santos,Schmidt,Silva,Tanaka,Wang,Weber}'::text[]) AS names (given, family);

-- What customer c buys: the books with the smallest -ln(draw) / weight, which is drawing without
-- replacement in proportion to the weight.  The weight is the book's popularity (a power of its
-- place), many times as much in a favourite genre, the first favourite before the others.
CREATE TABLE purchases (
    customer_id int NOT NULL REFERENCES customers,
    book_id int NOT NULL REFERENCES books,
    bought_at timestamptz NOT NULL
);
INSERT INTO purchases
SELECT c.id, b.id,
       timestamptz '2023-01-01 UTC' + draw('time ' || c.id || ' ' || b.id) * interval '730 days'
  FROM customers c,
       LATERAL (SELECT shelf.id
                  FROM (SELECT id, genre, power(id + 4, float8 '0.8') AS rarity FROM books) AS shelf
                 ORDER BY -ln(draw(c.id || ' ' || shelf.id)) * rarity
                          / coalesce(('{40,20,12}'::float8[])[array_position(c.favourites, genre)], 1)
                 LIMIT 8 + floor(50 * draw('eager ' || c.id))::int) b;

-- Hold out the last purchase of every customer.
CREATE TABLE purchases_test AS
SELECT DISTINCT ON (customer_id) * FROM purchases ORDER BY customer_id, bought_at DESC, book_id;
CREATE VIEW purchases_train AS
SELECT * FROM purchases p
 WHERE NOT EXISTS (SELECT FROM purchases_test t
                    WHERE t.customer_id = p.customer_id AND t.book_id = p.book_id);
ANALYZE;

-- The front page shows ten of 120 books of six genres at a time, by chance, to customers who like at
-- least one of these.  They click most of what is of a favourite genre, and of the rest what people talk
-- about, and leave when patience runs out, of which each shelf costs 1 and each book without a click 1.1.
CREATE TABLE shelves (
    session_id int,
    step int,
    shown int[] NOT NULL,
    clicked int[] NOT NULL,
    propensity real[] NOT NULL,
    PRIMARY KEY (session_id, step)
);
INSERT INTO shelves
WITH RECURSIVE front_page AS (
    SELECT id, genre
      FROM (SELECT id, genre, row_number() OVER (PARTITION BY genre ORDER BY id) AS place FROM books
             WHERE genre IN ('crime', 'fantasy', 'romance', 'cooking', 'travel', 'children')) AS best
     WHERE place <= 20),
visit AS (
    SELECT id AS session_id, 0 AS step, NULL::int[] AS shown, '{}'::int[] AS clicked, 60::double precision AS patience
      FROM customers WHERE id <= 2500 AND favourites && ARRAY(SELECT genre FROM front_page)
    UNION ALL
    SELECT v.session_id, v.step + 1, shelf.shown, shelf.clicked,
           v.patience - 1 - 1.1 * (10 - cardinality(shelf.clicked))
      FROM visit v JOIN customers c ON c.id = v.session_id,
           LATERAL (SELECT array_agg(b.id ORDER BY b.place) AS shown,
                           coalesce(array_agg(b.id ORDER BY b.place) FILTER (
                               WHERE draw('click ' || c.id || ' ' || v.step || ' ' || b.id)
                                     < CASE WHEN b.genre = ANY (c.favourites) THEN 0.8
                                            ELSE 0.45 * power(draw('talk ' || b.id), 2) END),
                               '{}') AS clicked
                      FROM (SELECT id, genre, draw('shelf ' || c.id || ' ' || v.step || ' ' || id) AS place
                              FROM front_page ORDER BY place LIMIT 10) AS b) AS shelf
     WHERE v.patience >= 1)
SELECT session_id, step, shown, clicked, array_fill(10 / 120.0::real, ARRAY[10])
  FROM visit WHERE step > 0;
