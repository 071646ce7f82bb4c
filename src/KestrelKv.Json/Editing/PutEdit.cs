namespace KestrelKv.Json;

/// <summary>
/// Sets a part of a document: a new or existing member, an existing element, or with <c>-</c> a new last element.
/// </summary>
internal static class PutEdit
{
    public static EditResult Replace(ReadOnlySpan<byte> value, DocumentLimits limits, EditBuffer result)
    {
        var text = new EditedText(result, limits);
        text.Start(default, value.Length);
        return new EditResult(text.TrySplice(0, 0, default, value, default) ? text.Finish() : EditStatus.ValueTooLong);
    }

    public static EditResult Apply(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, ReadOnlySpan<byte> value, DocumentLimits limits,
        EditBuffer result)
    {
        Slot slot = Slot.Find(document, path);
        if (slot.Fault is not null || !(slot.Exists || slot.IsObject || slot.IsEnd))
            return new EditResult(EditStatus.PathNotFound, slot.Missing);

        var text = new EditedText(result, limits);
        text.Start(document, path.Length + value.Length + 16);
        bool fits = slot.Exists ? text.TryReplace(slot, value) : text.TryInsert(slot, default, value, default);
        return new EditResult(fits ? text.Finish() : EditStatus.ValueTooLong);
    }
}
