"""The hand that fetches: everything that needs Scrapy or a socket."""
