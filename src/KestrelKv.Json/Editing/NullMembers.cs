namespace KestrelKv.Json;

/// <summary>Finds the null members of a merge patch. New objects are written as in the patch, without null members.</summary>
internal static class NullMembers
{
    /// <summary>Adds the parts of the patch that new objects omit, sorted by start.</summary>
    public static void FindNulls(scoped ReadOnlySpan<byte> patch, ref PooledList<Splice> nulls)
    {
        int start = JsonScan.SkipWhiteSpace(patch, 0);
        if (patch[start] != '{' || patch.IndexOf("null"u8) < 0) return;

        var ends = new PooledList<ContainerEnd>();
        ContainerEnd.AddAll(patch, ref ends);
        var objects = new PooledList<int>();
        objects.Add(start);
        while (objects.Count > 0) FindNulls(patch, objects.TakeLast(), ends.Items, ref nulls, ref objects);
        nulls.Items.Sort();
        objects.Dispose();
        ends.Dispose();
    }

    private static void FindNulls(
        scoped ReadOnlySpan<byte> patch, int start, scoped ReadOnlySpan<ContainerEnd> ends, ref PooledList<Splice> nulls,
        ref PooledList<int> objects)
    {
        var last = new MemberIndex(patch, start, ends, stackalloc Member[8]);
        var items = new ItemReader(patch, start, ends);
        var removals = new Removals();
        while (items.MoveNext())
        {
            // Omits every null member, and all duplicates of a name whose last value is null.
            bool removed = patch[items.ValueStart] == 'n' || patch[last.Members[last.Find(items.Name)].Value.Start] == 'n';
            removals.Pass(items.Extent, removed, ref nulls);
            if (!removed && patch[items.ValueStart] == '{') objects.Add(items.ValueStart);
        }
        removals.End(ref nulls);
        last.Dispose();
    }
}
