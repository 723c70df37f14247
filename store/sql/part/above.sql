-- Each merged lead with those it was merged into, over any number of merges; only the last of them is not merged itself.
above (id, root) AS (
    SELECT l.id, l.merged_into FROM lead l WHERE l.merged_into IS NOT NULL
    UNION
    SELECT a.id, l.merged_into FROM above a JOIN lead l ON l.id = a.root WHERE l.merged_into IS NOT NULL
)
