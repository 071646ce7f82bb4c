namespace KestrelKv.Cli.Transfer.Import;

/// <summary>The options of an import.</summary>
/// <param name="Path">The file; null for standard input.</param>
/// <param name="IsDryRun">Whether the lines are only checked.</param>
/// <param name="Skips">Whether invalid and refused lines are skipped. Otherwise the first one ends the import.</param>
/// <param name="Resumes">Whether an interrupted import continues.</param>
/// <param name="FromLine">The first line to apply, from 1.</param>
/// <param name="DepthMax">The maximum nesting of a value.</param>
internal sealed record ImportOptions(string? Path, bool IsDryRun, bool Skips, bool Resumes, long FromLine, int DepthMax);
