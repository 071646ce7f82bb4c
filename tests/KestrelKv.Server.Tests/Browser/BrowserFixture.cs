using KestrelKv.Testing;
using Microsoft.Playwright;

namespace KestrelKv.Server.Tests.Browser;

/// <summary>
/// The tests that use a browser share one and run one at a time. Starting a browser, and compiling the page's scripts for the first time,
/// takes more processor time than most of these tests.
/// </summary>
[CollectionDefinition(Name)]
public sealed class BrowserTests : ICollectionFixture<BrowserFixture>
{
    public const string Name = "browser";
}

/// <summary>A server, and the Chromium installed on this machine.</summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    private static readonly string[] Programs = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private IBrowserContext? _context;
    private IPage? _tab;

    internal ServerProcess Server { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        try
        {
            Server = await ServerProcess.StartAsync();
            _playwright = await Playwright.CreateAsync();
            _browser = await _playwright.Chromium.LaunchAsync(new()
            {
                Timeout = (float)Wait.Patience.TotalMilliseconds,
                ExecutablePath = Programs.FirstOrDefault(File.Exists)
                    ?? throw new InvalidOperationException($"No browser is installed: none of {string.Join(", ", Programs)}."),
                Args =
                [
                    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--no-first-run", "--disable-quic",
                    // All tabs share a process and its compiled scripts.
                    "--process-per-site",
                ],
            });
            _context = await _browser.NewContextAsync(new()
            {
                BaseURL = Server.Admin.ToString(),
                ViewportSize = new() { Width = 1280, Height = 900 },
                Permissions = ["clipboard-read"],
            });
            _context.SetDefaultTimeout((float)Wait.Patience.TotalMilliseconds);
            _tab = await _context.NewPageAsync();
        }
        catch
        {
            // xunit does not dispose of a fixture that failed to initialize.
            await DisposeAsync();
            throw;
        }
    }

    /// <summary>A tab shared by the tests. A test navigates to a page, which ends the page of the previous test.</summary>
    internal IPage Tab => _tab!;

    /// <summary>Opens another tab. The test must close it.</summary>
    internal Task<IPage> OpenTabAsync() => _context!.NewPageAsync();

    public async Task DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
        if (Server is not null) await Server.DisposeAsync();
    }
}
