-- Keys of a row are found by its id first: an index that begins with the link alone invites a planner without
-- statistics to walk through everything of that link.
DROP INDEX mirror_key_row;
CREATE INDEX mirror_key_row ON mirror_key (id, object, link);
