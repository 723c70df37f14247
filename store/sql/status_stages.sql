SELECT l.stage, count(*) FROM lead l WHERE l.merged_into IS NULL GROUP BY l.stage
